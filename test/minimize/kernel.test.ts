import { describe, expect, it } from 'vitest';
import { openCpu } from '../../backends/cpu/index.ts';
import { UnsupportedOpError } from '../../src/errors.ts';
import { INCIDENTS } from '../../src/golden/incidents.ts';
import { describeFailures, judge, minimize } from '../../src/minimize/index.ts';
import { backendKernel, type Kernel, misreadKernel, remembering } from '../../src/minimize/kernel.ts';
import { probeCall } from '../../src/probe/probe-call.ts';
import { faultyBackend, recode } from '../helpers/faulty-backend.ts';

const gemm = probeCall({ op: 'gemm_a8w8_blockscale', sizes: { m: 9, n: 160, k: 256 }, data: 'random' });
/** Element [4, 40] of the whole call, and what is at that place or is the last one in smaller calls. */
const broken = faultyBackend([
  {
    op: 'gemm_a8w8_blockscale',
    outputs: ({ y, ...rest }) =>
      y === undefined
        ? rest
        : { ...rest, y: recode(y, ([m, n], bytes) => (m === 4 && n === 40 ? bytes.fill(0x42) : undefined)) },
  },
]);

describe('kernels', () => {
  it('a backend that fails at one place shrinks to the smallest call that has it', async () => {
    const kernel = backendKernel(broken);
    const first = judge(gemm, await kernel(gemm));
    expect(first.failing).toEqual([{ output: 'y', coord: [4, 40] }]);
    const { call, after } = await minimize(
      gemm,
      async (candidate) => judge(candidate, await kernel(candidate)).failing,
    );
    expect(after).toEqual({ M: 5, N: 41, K: 32 });
    expect(describeFailures(judge(call, await kernel(call)))).toEqual([
      'y: 1 of 205 elements differ; first at [4, 40]: expected 0x4200 = 32, got 0x4242 = 48.5',
    ]);
  });

  it('a right one does not fail', async () => {
    const { failing, comparisons } = judge(gemm, await backendKernel(openCpu())(gemm));
    expect([failing, comparisons.map(({ output, passed }) => [output, passed])]).toEqual([[], [['y', true]]]);
  });

  it('a backend says that it does not run a call', async () => {
    const choosy = { ...broken, supports: () => ({ supported: false, reason: 'needs 16 rows' }) as const };
    await expect(backendKernel(choosy)(gemm)).rejects.toThrow(UnsupportedOpError);
  });

  it('an incident misreads the operands of smaller calls', async () => {
    const incident = INCIDENTS.find(({ id }) => id === 'weight-shuffled-read-plain');
    if (incident === undefined) throw new Error('no such incident');
    const kernel = misreadKernel(incident);
    const { after, simplified } = await minimize(gemm, async (call) => judge(call, await kernel(call)).failing);
    expect(after).toEqual({ M: 1, N: 16, K: 32 });
    expect(simplified.map(({ operand }) => operand).sort()).toEqual(['w', 'w_scale', 'x', 'x_scale']);
  });

  it('one that remembers runs a call once', async () => {
    let runs = 0;
    const kernel: Kernel = remembering((call) => {
      runs += 1;
      return backendKernel(openCpu())(call);
    });
    expect(await kernel(gemm)).toBe(await kernel(gemm));
    await kernel({ ...gemm });
    expect(runs).toBe(2);
  });
});
