import { compareTensors } from '../../src/golden/compare.ts';
import { rowMajor } from '../../src/layout/plain.ts';
import { fusedMoeBoundGivenH, fusedMoeMxfp4 } from '../../src/ops/fused-moe-mxfp4.ts';
import type { ErrorBound } from '../../src/ops/op.ts';
import type { FusedMoeOperands } from '../../src/ops/shared/fused-moe-plan.ts';
import type { FusedMoeParams } from '../../src/ops/shared/moe-params.ts';
import { tensor } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/** Tokens that are computed again on the CPU: the first, the last and one between. */
function sample(tokens: number): readonly number[] {
  return [...new Set([0, tokens >> 1, tokens - 1])];
}

const PER_TOKEN: readonly string[] = ['x', 'topk_ids', 'topk_weights'];

/**
 * Holds h and y of sampled tokens against the CPU reference: h within its bound, y within the bound of a second stage that read
 * this h, which is much tighter.
 * @throws Error naming the first element outside
 */
export function checkSampled(
  params: FusedMoeParams,
  operands: Readonly<Record<string, Tensor>>,
  outputs: { readonly h: Tensor; readonly y: Tensor },
  tokens: number,
): string {
  const rows = sample(tokens);
  const fewer = Object.fromEntries(
    Object.entries(operands).map(([name, given]) => [name, PER_TOKEN.includes(name) ? rowsOf(given, rows) : given]),
  ) as unknown as FusedMoeOperands;
  const [h, y] = [rowsOf(outputs.h, rows), rowsOf(outputs.y, rows)];
  const expected = fusedMoeMxfp4.reference(params, fewer);
  const hShare = within('h', h, expected.h, fusedMoeMxfp4.bound?.(params, fewer).h);
  const yShare = within('y', y, expected.y, fusedMoeBoundGivenH(params, fewer, h));
  return `h and y of ${rows.length} tokens right (${hShare} and ${yShare} of the allowed error needed)`;
}

function within(output: string, actual: Tensor, expected: Tensor, bound: ErrorBound | undefined): string {
  // What is compared with is the exact value of the bound; the reference's own y read another h.
  const target = output === 'y' ? actual : expected;
  const { passed, metrics, first } = compareTensors(actual, { output, expected: target, compare: 'bound' }, bound);
  if (!passed) throw new Error(`${output} differs from the CPU reference: ${JSON.stringify(first)}`);
  return (metrics.boundUsed ?? 0).toPrecision(2);
}

function rowsOf(given: Tensor, rows: readonly number[]): Tensor {
  const [count = 1, ...rest] = given.layout.shape;
  const width = given.bytes.byteLength / count;
  const bytes = new Uint8Array(rows.length * width);
  for (const [at, row] of rows.entries()) bytes.set(given.bytes.subarray(row * width, (row + 1) * width), at * width);
  return tensor(given.name, given.type, rowMajor([rows.length, ...rest]), bytes);
}
