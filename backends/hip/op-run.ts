import type { Layout } from '../../src/layout/layout.ts';
import type { Field } from './args.ts';
import type { KernelLaunch, OpRun } from './kernels/kernel.ts';
import { permuteLaunch } from './kernels/permute.ts';
import type { HipBuffer } from './memory.ts';
import type { HipSession } from './session.ts';

/** Gives an op its run, and takes its scratch memory back afterwards. */
export async function withRun<T>(session: HipSession, op: string, action: (run: OpRun) => Promise<T>): Promise<T> {
  const { device, memory, stream, transfers } = session;
  const scratch: HipBuffer[] = [];
  const address = (buffer: HipBuffer): bigint => buffer.handle.on(device.handles);
  try {
    return await action({
      device: device.facts,
      op,
      address,
      scratch(byteLength, label, { zeroed = true } = {}) {
        const buffer = memory.allocate(byteLength, `${op} ${label}`);
        scratch.push(buffer);
        if (zeroed) memory.fill(buffer, 0, stream);
        return buffer;
      },
      download: (buffer) => transfers.download(buffer),
      async launch<const Fields extends readonly Field[]>(launch: KernelLaunch<Fields>) {
        session.launch(op, launch as unknown as KernelLaunch);
      },
      async permute(from: HipBuffer, fromLayout: Layout, to: HipBuffer, toLayout: Layout, bits: number, fill = 0) {
        const launch = permuteLaunch({ from: address(from), fromLayout, to: address(to), toLayout, bits, fill });
        session.launch(op, launch as unknown as KernelLaunch);
      },
    });
  } finally {
    // hipFree waits for the kernels that use it.
    for (const buffer of scratch) memory.free(buffer);
  }
}
