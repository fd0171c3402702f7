import type { Backend } from '../../backends/backend.ts';
import { openCpu } from '../../backends/cpu/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

type Named = Readonly<Record<string, Tensor>>;

/** What goes wrong: operands as a kernel misreads them, or outputs as it miswrites them. */
export interface Fault {
  readonly op: string;
  operands?(operands: Named): Named;
  outputs?(outputs: Named): Named;
}

/** The CPU reference with mistakes built in, as a device of its own: golden files stay right, its answers do not. */
export function faultyBackend(faults: readonly Fault[]): Backend {
  const cpu = openCpu();
  const run = async (op: string, params: unknown, operands: Named): Promise<Named> => {
    const fault = faults.find((entry) => entry.op === op);
    const given = fault?.operands?.(operands) ?? operands;
    const outputs = (await cpu.run(op as never, params as never, given as never)) as unknown as Named;
    return fault?.outputs?.(outputs) ?? outputs;
  };
  return {
    ...bound(cpu),
    id: 'hip',
    device: { name: 'CPU reference with built-in faults', facts: {} },
    run: run as Backend['run'],
  };
}

/** A copy of one tensor with some codes replaced. Of two 4-bit codes in a byte, `change` gets the byte for each. */
export function recode(given: Tensor, change: (coord: readonly number[], bytes: Uint8Array) => void): Tensor {
  const bytes = given.bytes.slice();
  const width = bytes.length / given.layout.storageSize;
  for (let offset = 0; offset < given.layout.storageSize; offset += 1) {
    const coord = given.layout.coord(offset);
    if (coord !== undefined) change(coord, bytes.subarray(offset * width, (offset + 1) * width));
  }
  return { ...given, bytes };
}

function bound(backend: Backend): Backend {
  return {
    id: backend.id,
    device: backend.device,
    supports: backend.supports.bind(backend),
    run: backend.run.bind(backend),
    upload: backend.upload.bind(backend),
    download: backend.download.bind(backend),
    relabel: backend.relabel.bind(backend),
    free: backend.free.bind(backend),
    runOnDevice: backend.runOnDevice.bind(backend),
    dispose: backend.dispose.bind(backend),
  };
}
