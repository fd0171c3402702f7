import { elementBits } from '../../../src/formats/element-type.ts';
import type { Layout } from '../../../src/layout/layout.ts';
import type { GatedActivation } from '../../../src/ops/shared/activation.ts';
import type { MoeScheme } from '../../../src/ops/shared/moe-params.ts';
import type { TensorSpec } from '../../../src/tensor/tensor.ts';
import type { Support } from '../../backend.ts';
import type { GpuArray } from '../buffers.ts';
import { DeviceMemoryError } from '../errors.ts';
import type { Binding, KernelCall } from '../kernel.ts';
import { type BoundWindow, bindWindow, type Span, spans } from '../split.ts';
import { activationWords } from './activation-words.ts';
import { rowChunk } from './gemm-digits.ts';
import type { GpuTensor, OpRun } from './kernel.ts';
import { hasRowPieces, oneExpert, weightFunctionsWgsl } from './moe-layouts.ts';
import type { MoeTiling, RoutedPart, RoutedTokens } from './moe-routing.ts';

/** Offsets are 32-bit in the shaders. */
const MOST_ELEMENTS = 2 ** 32 - 1;

/** A sorted id has 8 bits for the slot. */
const MOST_SLOTS = 255;

/** Columns that share a scale. */
const BLOCK = 32;

const SCHEMES = { a16w4: 0, a8w4: 1, a4w4: 2 } as const;

const NO_ACTIVATION: GatedActivation = { alpha: 0, offset: 0, limit: undefined };

/** One of the two grouped multiplications. */
export interface MoeStage {
  readonly stage: 1 | 2;
  readonly scheme: MoeScheme;
  /** Stage 1 only. */
  readonly activation?: GatedActivation;
  /** Row-major, a row a token (stage 1) or a route (stage 2). */
  readonly x: GpuTensor;
  readonly xScale: GpuTensor | undefined;
  /** [E, rows, K]. */
  readonly weight: GpuTensor;
  readonly weightScale: GpuTensor;
  readonly bias: GpuTensor | undefined;
}

/** Where a stage stores: h bf16 [routes, rows / 2], or binary32 products [routes, rows] of one part of the tokens. */
export interface StageResult {
  readonly array: GpuArray;
  /** Bytes of a token. */
  readonly tokenBytes: number;
  /** The token that is stored first. */
  readonly firstToken: number;
}

/** What the stages leave out. */
export function stageSupport(
  topkIds: TensorSpec | undefined,
  weights: readonly (TensorSpec | undefined)[],
  scales: readonly (TensorSpec | undefined)[],
): Support {
  const layouts = (specs: readonly (TensorSpec | undefined)[]): readonly Layout[] =>
    specs.flatMap((spec) => (spec === undefined ? [] : [spec.layout]));
  const experts = layouts(weights).map(oneExpert);
  const routes = topkIds?.layout.size ?? 0;
  const largest = Math.max(routes, ...[...experts, ...layouts(scales)].map(({ storageSize }) => storageSize));
  if (largest > MOST_ELEMENTS) {
    return {
      supported: false,
      reason: `${largest} elements exceed the 32-bit offsets of the shader: use the cpu backend.`,
    };
  }
  const slots = topkIds?.layout.shape[1] ?? 0;
  if (slots <= MOST_SLOTS) return { supported: true };
  return { supported: false, reason: `${slots} slots a token exceed the 8 bits of a sorted id: use the cpu backend.` };
}

/** The dispatches of a stage for one part of the tokens: one, or one for each range of experts whose weights fit a binding. */
export function stageCalls(
  run: OpRun,
  stage: MoeStage,
  { tiling, topk, experts }: RoutedTokens,
  part: RoutedPart,
  result: StageResult,
): readonly KernelCall[] {
  const { gpu } = run;
  const [, rows = 0, depth = 0] = stage.weight.layout.shape;
  const pairs = rows / 2;
  const { start, end } = part.tokens;
  const rowsPerToken = stage.stage === 1 ? 1 : topk;
  const x = tokenWindow(run, stage.x, (depth * rowsPerToken * elementBits(stage.x.type)) / 8, part.tokens);
  const none: BoundWindow = { binding: { array: part.routing, start: 0, byteLength: 4 }, lead: 0 };
  const xScale =
    stage.xScale === undefined ? none : tokenWindow(run, stage.xScale, (depth / BLOCK) * rowsPerToken, part.tokens);
  const target = bindWindow(
    gpu,
    result.array,
    (start - result.firstToken) * result.tokenBytes,
    (end - result.firstToken) * result.tokenBytes,
  );
  // The shaders count pieces of 16 bytes, or words.
  const unit = tiling.shader === 'moe_rows' ? 16 : 4;
  const { constants, strip } = variantOf(tiling, stage);
  const blocks = { layouts: weightFunctionsWgsl(stage.weight.layout, stage.weightScale.layout) };
  return expertParts(run, stage, experts).map((range): KernelCall => {
    const weight = expertWindow(run, stage.weight, range, experts);
    const scale = scaleWindow(run, stage.weightScale, range, rows);
    const bias = stage.bias === undefined ? none : expertWindow(run, stage.bias, range, experts);
    const shape = Uint32Array.of(
      ...activationWords(stage.activation ?? NO_ACTIVATION),
      range.start,
      range.end - range.start,
      pairs,
      depth / BLOCK,
      end - start,
      topk,
      part.validAt,
      part.blockExpertsAt,
      part.idsAt,
      part.weightsAt,
      x.lead / unit,
      xScale.lead,
      weight.lead / unit,
      scale.binding.start,
      bias.lead / 4,
      target.lead / 4,
    );
    const bindings: readonly Binding[] = [
      shape,
      x.binding,
      xScale.binding,
      weight.binding,
      scale.binding,
      bias.binding,
      part.routing,
      target.binding,
    ];
    return { shader: tiling.shader, constants, blocks, bindings, workgroups: part.blocks * Math.ceil(pairs / strip) };
  });
}

interface Variant {
  readonly constants: Readonly<Record<string, number>>;
  /** Pairs of weight rows that a workgroup takes. */
  readonly strip: number;
}

/**
 * Lanes of `moe_rows` along the weight rows: 16 where 16 rows by 16 bytes are neighbours in storage; 4 in plain layouts, so that
 * 32 lanes read 512 bytes of one row. Its workgroup memory holds 512 partial results.
 */
function variantOf({ shader, blockRows }: MoeTiling, { stage, scheme, bias, weight }: MoeStage): Variant {
  const common = { stage, scheme: SCHEMES[scheme], has_bias: bias === undefined ? 0 : 1 };
  if (shader === 'moe_tiles') return { constants: { ...common, row_steps: blockRows / 16 }, strip: 32 };
  const rowLanes = hasRowPieces(weight.layout) ? 16 : 4;
  const lanes = rowLanes === 16 && blockRows <= 2 ? 256 : 128;
  return { constants: { ...common, rows: blockRows, lanes, row_lanes: rowLanes }, strip: 2 * rowLanes };
}

/** Ranges of experts whose weights, scales and biases fit a binding each. */
function expertParts(run: OpRun, { weight, weightScale, bias }: MoeStage, experts: number): readonly Span[] {
  const { gpu } = run;
  const limit = gpu.limits.maxStorageBufferBindingSize;
  const [, rows = 0] = weight.layout.shape;
  const each = (array: GpuArray): number => array.byteLength / experts;
  // A range of shuffled scales may begin and end within a chunk of rows that it shares with its neighbours.
  const chunk = rowChunk(weightScale.layout);
  const shared = weightScale.layout.dims.length === 2 && rows % chunk.rows !== 0 ? 2 * chunk.elements : 0;
  const slack = gpu.alignment + 4;
  const fits = (array: GpuArray, extra: number): number =>
    array.byteLength <= limit ? experts : Math.floor((limit - slack - extra) / each(array));
  const arrays = [weight.array, weightScale.array, ...(bias === undefined ? [] : [bias.array])];
  for (const array of arrays) {
    if (fits(array, array === weightScale.array ? shared : 0) >= 1) continue;
    throw new DeviceMemoryError(
      array.label,
      array.byteLength,
      `one of its ${experts} experts takes ${Math.ceil(each(array))} bytes, and one binding of this device ${limit}. ` +
        'Use the cpu backend.',
    );
  }
  return spans(experts, Math.min(...arrays.map((array) => fits(array, array === weightScale.array ? shared : 0))));
}

function tokenWindow(run: OpRun, { array }: GpuTensor, tokenBytes: number, tokens: Span): BoundWindow {
  return bindWindow(run.gpu, array, tokens.start * tokenBytes, tokens.end * tokenBytes);
}

function expertWindow(run: OpRun, { array }: GpuTensor, range: Span, experts: number): BoundWindow {
  const each = array.byteLength / experts;
  return bindWindow(run.gpu, array, range.start * each, range.end * each);
}

/** Scales are bytes; a chunk of rows (of the first dimension) lies together in storage. */
function scaleWindow(run: OpRun, { array, layout }: GpuTensor, range: Span, rows: number): BoundWindow {
  const perExpert = layout.dims.length === 2 ? rows : 1;
  const chunk = rowChunk(layout);
  const start = Math.floor((range.start * perExpert) / chunk.rows) * chunk.elements;
  const end = Math.ceil((range.end * perExpert) / chunk.rows) * chunk.elements;
  return bindWindow(run.gpu, array, start, end);
}
