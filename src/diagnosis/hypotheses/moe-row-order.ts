import { decodeArray } from '../../formats/decode.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import { firstStage } from '../../ops/shared/moe-stages.ts';
import { tensor } from '../../tensor/make.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { cropCall } from '../crop.ts';
import type { Hypothesis, MistakenCall, OutputWindow } from '../hypothesis.ts';
import { firstOf, quantizedH, roundToBf16, withSteps } from '../moe-steps.ts';
import { range } from '../take.ts';
import { BOTH_STAGES, type Routing, routingOf, sortRoutes, withOperands } from './moe-call.ts';

/** Rows of h [T * topk, I] that change places. */
interface RowOrder {
  readonly detail: string;
  /** Whether stage 1 leaves them so, or stage 2 looks for them there. */
  readonly when: 'written' | 'read';
  /** The route of which row `row` holds the result (written), or which route `row` reads the result of (read); -1: of none. */
  readonly source: (row: number) => number;
}

/** Mistakes with the order of the rows of h between the stages. */
export const MOE_ROW_ORDER_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'moe-h-row-order',
    title: 'the rows of h are not where stage 2 looks for them',
    family: 'routing',
    ops: BOTH_STAGES,
    symptom: 'garbage of the right size; the first token of the first expert may be right',
    origin: 'derived: AITER fused_moe keeps h at row token * topk + slot, its scales at the sorted row',
    evidence: 'derived',
    remedy: 'Store h at row token * topk + slot, with token and slot from the sorted id, and read it there.',
    hiddenBy: 'a single token with one expert',
    variants(call) {
      const routing = routingOf(call);
      if (routing === undefined) return [];
      return ordersOf(routing)
        .filter(
          ({ when }) => call.op === 'fused_moe_mxfp4' || (when === 'written') === (call.op === 'moe_stage1_mxfp4'),
        )
        .map((order) => ({ detail: order.detail, make: () => inOrder(call, routing, order) }));
    },
  },
];

function ordersOf(routing: Routing): readonly RowOrder[] {
  const { tokens, topk } = routing;
  const sorts = [1, 16, 32, 64, 128].map((block) => {
    const { routes } = sortRoutes(routing, block);
    const places = new Map(routes.map((route, at) => [route, at]));
    const padding = block === 1 ? '' : `, each padded to ${block}`;
    return { routes, places, padding };
  });
  const beyond = (row: number | undefined): number => (row === undefined || row >= tokens * topk ? -1 : row);
  return [
    {
      detail: 'written slot by slot',
      when: 'written',
      source: (row) => (row % tokens) * topk + Math.floor(row / tokens),
    },
    ...sorts.map(({ routes, padding }): RowOrder => {
      return {
        detail: `written in the order of the experts${padding}`,
        when: 'written',
        source: (row) => routes[row] ?? -1,
      };
    }),
    { detail: 'read slot by slot', when: 'read', source: (row) => (row % topk) * tokens + Math.floor(row / topk) },
    { detail: 'read at the row of the token', when: 'read', source: (row) => Math.floor(row / topk) },
    ...sorts.map(({ places, padding }): RowOrder => {
      return {
        detail: `read in the order of the experts${padding}`,
        when: 'read',
        source: (row) => beyond(places.get(row)),
      };
    }),
  ];
}

function inOrder(call: KernelCall, { topk }: Routing, { when, source }: RowOrder): MistakenCall {
  if (call.op === 'moe_stage2_mxfp4') {
    const { h, h_scale: scale } = call.operands;
    if (h === undefined) return call;
    return withOperands(call, {
      h: gathered(h, source),
      ...(scale === undefined ? {} : { h_scale: gathered(scale, source) }),
    });
  }
  return {
    ...call,
    compute(cut, window) {
      const moved = (): Float64Array => hOfRows(call, cut, window, topk, source);
      if (when === 'written') return withSteps({ first: moved })(cut);
      const reread = withSteps({
        reread({ columns }, own) {
          const exact = moved();
          return quantizedH({ exact, bf16: decodeArray('bf16', roundToBf16(exact)), columns }, own);
        },
      });
      return reread(cut);
    },
  };
}

/** h [rows of the window * topk, I] with rows from anywhere in the batch. */
function hOfRows(
  whole: KernelCall,
  cut: KernelCall,
  window: OutputWindow,
  topk: number,
  source: (row: number) => number,
): Float64Array {
  const wanted = window.rows.flatMap((token) => range(topk).map((slot) => source(token * topk + slot)));
  const tokens = [...new Set(wanted.filter((route) => route >= 0).map((route) => Math.floor(route / topk)))];
  tokens.sort((a, b) => a - b);
  const { x, x_scale, topk_ids, topk_weights } = whole.operands;
  const rows = Object.entries({ x, x_scale, topk_ids, topk_weights }).filter(([, given]) => given !== undefined);
  // Whatever else is wrong with the weights stays wrong.
  const operands = { ...cut.operands, ...(Object.fromEntries(rows) as Readonly<Record<string, Tensor>>) };
  const elsewhere = cropCall({ ...cut, operands }, { ...window, rows: tokens });
  const inter = firstOf(cut).product.weight.rows / 2;
  const moved = new Float64Array(wanted.length * inter);
  if (elsewhere === undefined || tokens.length === 0) return moved;
  const h = firstStage(firstOf(elsewhere));
  wanted.forEach((route, at) => {
    if (route < 0) return;
    const row = tokens.indexOf(Math.floor(route / topk)) * topk + (route % topk);
    moved.set(h.subarray(row * inter, (row + 1) * inter), at * inter);
  });
  return moved;
}

/** A tensor [T, topk, columns] with rows from other places, zero where there is none. */
function gathered(given: Tensor, source: (row: number) => number): Tensor {
  const [tokens = 0, topk = 0] = given.layout.shape;
  const width = given.bytes.length / (tokens * topk);
  const bytes = new Uint8Array(given.bytes.length);
  for (let row = 0; row < tokens * topk; row += 1) {
    const from = source(row);
    if (from >= 0) bytes.set(given.bytes.subarray(from * width, (from + 1) * width), row * width);
  }
  return tensor(given.name, given.type, given.layout, bytes, given.scaling);
}
