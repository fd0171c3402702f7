// Plan and run the five projections of the latent attention of a GLM-5.1 layer (8 ranks, MI355X), with activation scales that
// arrive row-major and with scales that their producers wrote transposed. The results are the same to the bit; the difference is
// five copies of a scale. Usage: npm run example -- examples/plan-mla-layer.ts [backend] [tokens]
import {
  type BackendId,
  encodeArray,
  layoutOf,
  modelLayers,
  openBackend,
  type Plan,
  permute,
  planLinear,
  rowMajor,
  runPlan,
  type Tensor,
  tensor,
} from 'preshuffle';

const [id = 'cpu', tokens = '4'] = process.argv.slice(2);
const LAYERS = ['fused_qkv_a_proj_with_mqa', 'q_b_proj', 'kv_b_proj', 'o_proj', 'indexer.wq_b'];
/** Measured upstream on an MI355X: one launch of the copy, whatever its size. */
const COPY_MICROSECONDS = 4.165;

const backend = await openBackend(id as BackendId);
console.log(`${backend.id}: ${backend.device.name}, ${tokens} tokens\n`);
let copies = 0;
let bytes = 0;
for (const { layer, n, k } of modelLayers('glm-5.1').filter(({ layer }) => LAYERS.includes(layer))) {
  const spec = { layer, n, k, m: Number(tokens), arch: 'gfx950', rocm: '7.2', producer: 'given' } as const;
  const rowMajorScale = planLinear({ ...spec, scale: 'RM' });
  const transposedScale = planLinear({ ...spec, scale: 'TV' });
  const { y: before } = await runPlan(rowMajorScale, backend, operands(rowMajorScale));
  const { y: after } = await runPlan(transposedScale, backend, operands(transposedScale));
  const same = before !== undefined && after !== undefined && Buffer.compare(before.bytes, after.bytes) === 0;
  const saved = rowMajorScale.cost.call.scaleCopies - transposedScale.cost.call.scaleCopies;
  copies += saved;
  bytes += rowMajorScale.cost.call.scaleCopyBytes;
  console.log(
    `${layer.padEnd(26)} [${n}, ${k}]`.padEnd(42),
    transposedScale.kernel.padEnd(16),
    `${saved} copy saved, ${rowMajorScale.cost.call.scaleCopyBytes} bytes not moved,`,
    same ? 'same result' : 'DIFFERENT result',
  );
  if (!same) process.exitCode = 1;
}
await backend.dispose();
console.log(`\n${copies} copies saved a layer, ${bytes} bytes not moved`);
console.log(
  `at ${COPY_MICROSECONDS} us a launch: ${(copies * COPY_MICROSECONDS).toFixed(1)} us a layer, ${((copies * COPY_MICROSECONDS * 78) / 1000).toFixed(2)} ms a token over 78 layers`,
);

/** Made-up values for every operand of a plan, in the layout that the plan asks for; the same numbers whatever the layout is. */
function operands(plan: Plan): Record<string, Tensor> {
  const entries = [...plan.operands.load, ...plan.operands.call].map((name): [string, Tensor] => {
    const wanted = plan.tensors[name];
    if (wanted === undefined) throw new Error(`the plan does not describe ${name}`);
    const plain = rowMajor(wanted.layout.shape);
    const values = Float32Array.from({ length: plain.size }, (_, at) =>
      wanted.type === 'f32' ? 0.01 + ((at * 7919) % 1009) / 4096 : Math.sin(at * 0.37) * 100,
    );
    const codes = wanted.type === 'f32' ? new Uint8Array(values.buffer) : encodeArray('e4m3fn', values);
    const layout = layoutOf(wanted.layout);
    const stored = permute(codes, plain, layout, wanted.type === 'f32' ? 32 : 8);
    return [name, tensor(name, wanted.type, layout, stored, wanted.scaling)];
  });
  return Object.fromEntries(entries);
}
