// A kernel returned nonsense: which mistake explains it? Makes a call that hides nothing, lets a kernel go wrong in two ways of which one
// hides behind the other, and asks. Usage: npm run example -- examples/find-the-mistake.ts
import { ops, permute, rowMajor, type Tensor } from 'preshuffle';
import { diagnose, diagnosisLines } from 'preshuffle/diagnosis';
import { probeCall } from 'preshuffle/probe';

const op = 'gemm_a8w8_blockscale_bpreshuffle';
const call = probeCall({ op, sizes: { m: 20, n: 512, k: 640 } });
const { x, w, x_scale, w_scale } = call.operands as Record<'x' | 'w' | 'x_scale' | 'w_scale', Tensor>;

console.log('A kernel that is right:');
report(await diagnose({ ...call, actual: kernel(x_scale, w) }));

console.log('\nThe loader forgot to shuffle the weight:');
const plainWeight = { ...w, bytes: permute(w.bytes, w.layout, rowMajor(w.layout.shape), 8) };
report(await diagnose({ ...call, actual: kernel(x_scale, plainWeight) }));

console.log('\nAnd hands on the activation scale row by row, too:');
const plainScale = { ...x_scale, bytes: permute(x_scale.bytes, x_scale.layout, rowMajor(x_scale.layout.shape), 32) };
report(await diagnose({ ...call, actual: kernel(plainScale, plainWeight) }, { budgetMs: 60_000 }));

console.log(
  '\nWith one token the order of the activation scale does not matter, which is why it takes so long to be noticed:',
);
const one = probeCall({ op, sizes: { m: 1, n: 512, k: 640 } });
const given = one.operands as typeof call.operands & { readonly x_scale: Tensor };
const byRows = permute(given.x_scale.bytes, given.x_scale.layout, rowMajor(given.x_scale.layout.shape), 32);
const actual = ops[op].reference({}, { ...given, x_scale: { ...given.x_scale, bytes: byRows } } as never);
report(await diagnose({ ...one, actual }));

/** Stands for the user's kernel: it takes whatever bytes it is given for the layout that it reads. */
function kernel(scale: Tensor, weight: Tensor) {
  return ops[op].reference({}, { x, w: weight, x_scale: scale, w_scale });
}

function report(diagnosis: Awaited<ReturnType<typeof diagnose>>): void {
  for (const line of diagnosisLines(diagnosis)) console.log(`  ${line}`);
}
