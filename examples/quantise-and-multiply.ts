// FP8 block-scaled GEMM end to end on the CPU and, where there is one, on WebGPU: quantise, shuffle, multiply, compare.
import {
  type Backend,
  BackendUnavailableError,
  LayoutMismatchError,
  openBackend,
  ops,
  permute,
  rowMajor,
  scaleTransposedView,
  shuffleWeight,
  tensor,
  tensorFrom,
} from 'preshuffle';

const [M, N, K] = [5, 256, 512];
const activation = Float32Array.from({ length: M * K }, (_, index) => Math.sin(index * 0.7) * (1 + (index % 7)));
const weight = Float32Array.from({ length: N * K }, (_, index) => Math.cos(index * 0.3) / 8);

// Activations: one scale for 128 columns, scales transposed as the preshuffled kernel reads them. Weights: one for 128 x 128.
const x = ops.per_1x128_quant.reference(
  { format: 'e4m3fn', math: 'hip', scaleStore: 'transposed-view' },
  { x: tensorFrom('x', 'f32', [M, K], activation) },
);
const w = ops.deepgemm_per_block_cast.reference({ ue8m0: false }, { x: tensorFrom('w', 'f32', [N, K], weight) });
const to = shuffleWeight([N, K], { bits: 8 });
const preshuffled = tensor('w', 'e4m3fn', to, permute(w.y.bytes, rowMajor([N, K]), to, 8));
const operands = { x: x.y, w: preshuffled, x_scale: x.scale, w_scale: w.scale };

async function multiply(backend: Backend): Promise<Uint16Array> {
  const { y } = await backend.run('gemm_a8w8_blockscale_bpreshuffle', { out: 'bf16' }, operands);
  return new Uint16Array(y.bytes.buffer, y.bytes.byteOffset, M * N);
}

const cpu = await openBackend('cpu');
const expected = await multiply(cpu);
console.log(`${cpu.device.name}: y[0, 0] = 0x${expected[0]?.toString(16)}`);

try {
  const webgpu = await openBackend('webgpu');
  const actual = await multiply(webgpu);
  const equal = actual.filter((code, index) => code === expected[index]).length;
  console.log(`${webgpu.device.name}: ${equal} of ${M * N} results have the same bits`);
  await webgpu.dispose();
} catch (error) {
  if (!(error instanceof BackendUnavailableError)) throw error;
  console.log('no WebGPU here');
}

// The mistake that raises no error elsewhere: a plain weight for a kernel that reads preshuffled ones.
try {
  await cpu.run('gemm_a8w8_blockscale_bpreshuffle', {}, { ...operands, w: w.y });
} catch (error) {
  if (!(error instanceof LayoutMismatchError)) throw error;
  console.log(error.message);
}
console.log(`scales are stored as ${scaleTransposedView([M, K / 128])}`);
