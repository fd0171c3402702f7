import { type PackedScaleSizes, packedScaleSizes } from '../../../src/ops/pack-ue8m0-mn-major.ts';
import { PACKED_SCALES, packScaleRows } from '../../../src/ops/shared/groups-packed-scale.ts';
import { unpackedScaleSizes } from '../../../src/ops/unpack-ue8m0-scale.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { type ArgumentStruct, argumentStruct } from '../args.ts';
import type { HipBuffer } from '../memory.ts';
import { type HipKernel, type HipTensor, type OpRun, tensorOf } from './kernel.ts';

const THREADS = 256;

const PACK_FIELDS = [
  { name: 'x', type: 'ptr' },
  { name: 'y', type: 'ptr' },
  { name: 'invalid', type: 'ptr' },
  { name: 'batch', type: 'u32' },
  { name: 'rows', type: 'u32' },
  { name: 'mn', type: 'u32' },
  { name: 'gran', type: 'u32' },
  { name: 'groups', type: 'u32' },
  { name: 'words', type: 'u32' },
  { name: 'aligned', type: 'u32' },
] as const;

const packArgs: ArgumentStruct<typeof PACK_FIELDS> = argumentStruct('PackArgs', PACK_FIELDS);

type PackKernel = 'pack_rows' | 'pack_mn_major' | 'unpack_mn_major';

async function launch(
  run: OpRun,
  kernel: PackKernel,
  { batch, rows, mn, granMn, groups, words }: PackedScaleSizes,
  x: HipTensor,
  y: HipTensor,
  invalid: HipBuffer,
): Promise<void> {
  await run.launch({
    object: 'ue8m0',
    kernel,
    struct: packArgs,
    values: {
      x: run.address(x.buffer),
      y: run.address(y.buffer),
      invalid: run.address(invalid),
      batch,
      rows,
      mn,
      gran: granMn,
      groups,
      words,
      aligned: Math.ceil(mn / 4) * 4,
    },
    grid: [Math.ceil(y.layout.storageSize / THREADS), 1, 1],
  });
}

/** Packing keeps exponents only and would cut any other number silently. */
async function pack(
  run: OpRun,
  kernel: PackKernel,
  sizes: PackedScaleSizes,
  x: HipTensor,
  y: HipTensor,
): Promise<void> {
  const invalid = run.scratch(4, 'invalid scale');
  await launch(run, kernel, sizes, x, y, invalid);
  const flag = await run.download(invalid);
  if (flag.every((byte) => byte === 0)) return;
  // The reference says which one it is.
  packScaleRows(run.op, x.name, new Float32Array((await run.download(x.buffer)).buffer), sizes.groups);
}

/** A spec is all that the sizes need. */
function specOf(handle: HipTensor): Tensor {
  return handle as unknown as Tensor;
}

export const packUe8m0ToInt: HipKernel<'pack_ue8m0_to_int'> = {
  op: 'pack_ue8m0_to_int',
  objects: ['ue8m0'],
  async run(run, _params, operands, outputs) {
    const x = tensorOf(operands, 'x');
    const groups = x.layout.shape.at(-1) ?? 1;
    const rows = x.layout.size / groups;
    const sizes = { batch: 1, rows, mn: rows, granMn: 1, groups, words: Math.ceil(groups / PACKED_SCALES) };
    await pack(run, 'pack_rows', sizes, x, tensorOf(outputs, 'y'));
  },
};

export const packUe8m0MnMajor: HipKernel<'pack_ue8m0_mn_major'> = {
  op: 'pack_ue8m0_mn_major',
  objects: ['ue8m0'],
  async run(run, params, operands, outputs) {
    const x = tensorOf(operands, 'x');
    await pack(run, 'pack_mn_major', packedScaleSizes(params, specOf(x)), x, tensorOf(outputs, 'y'));
  },
};

export const unpackUe8m0Scale: HipKernel<'unpack_ue8m0_scale'> = {
  op: 'unpack_ue8m0_scale',
  objects: ['ue8m0'],
  async run(run, params, operands, outputs) {
    const x = tensorOf(operands, 'x');
    const unused = run.scratch(4, 'invalid scale');
    await launch(run, 'unpack_mn_major', unpackedScaleSizes(params, specOf(x)), x, tensorOf(outputs, 'y'), unused);
  },
};
