import type { Backend } from '../../backends/backend.ts';
import { UnsupportedOpError } from '../errors.ts';
import type { Incident } from '../golden/incident.ts';
import type { KernelCall, NamedTensors } from '../ops/kernel-call.ts';
import { definitionOf } from '../ops/registry.ts';

/** What is wrong, or may be: it gets a call and returns some or all of the op's outputs, in the layouts of its plan. */
export type Kernel = (call: KernelCall) => Promise<NamedTensors>;

/** The same kernel, which runs a call once only. */
export function remembering(kernel: Kernel): Kernel {
  const known = new WeakMap<KernelCall, Promise<NamedTensors>>();
  return (call) => {
    const outputs = known.get(call) ?? kernel(call);
    known.set(call, outputs);
    return outputs;
  };
}

/** A backend of preshuffle as a kernel. It throws UnsupportedOpError for calls that the backend does not run. */
export function backendKernel(backend: Backend): Kernel {
  return async ({ op, params, operands }) => {
    const [known, given] = [params as never, operands as never];
    const support = backend.supports(op, known, given);
    if (!support.supported) throw new UnsupportedOpError(backend.id, op, support.reason);
    return (await backend.run(op, known, given)) as NamedTensors;
  };
}

/** The reference on operands that were misread as in an incident. It returns y alone, which is what incident cases are held against. */
export function misreadKernel(incident: Incident): Kernel {
  return ({ op, params, operands }) => {
    const { y }: NamedTensors = definitionOf(op).reference(params, incident.misread(operands));
    return Promise.resolve(y === undefined ? {} : { y });
  };
}
