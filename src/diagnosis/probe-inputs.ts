import type { KernelCall } from '../ops/kernel-call.ts';
import type { ProbeChoices, ProbeLayout } from '../probe/probe.ts';
import { type ProbeOptions, probeChoices, probeSizes, sizesOf } from '../probe/probe-call.ts';

/** An input to try, and what is different about it. */
export interface ProbeInput {
  readonly options: ProbeOptions;
  /** `other sizes`, or undefined for those of the call. */
  readonly otherSizes: boolean;
}

/** Sizes are cut down to these: what happens in a model happens in a few tiles of it. */
const MOST: Readonly<Record<string, number>> = { experts: 8, topk: 4 };
const MOST_ROWS = 64;
const MOST_COLUMNS = 1024;
const ROWS = ['m', 'tokens', 'rows'];

/** Sizes that another input has instead, by the name of the size. */
const OTHERS: Readonly<Record<string, readonly ((size: number) => number)[]>> = {
  rows: [(size) => size + 1, (size) => size + 3, (size) => 2 * size + 32],
  experts: [(size) => size + 1],
  topk: [(size) => size + 1],
  columns: [(size) => 2 * size, (size) => size + 128, (size) => size + 32],
};

/** Inputs of the op that may show what the call does not, the nearest to the call first. */
export function probeInputs(call: KernelCall): readonly ProbeInput[] {
  const { op, params } = call;
  const sizes = smaller(sizesOf(call));
  const own = { op, params, sizes, ...choicesOf(call) };
  const variations = Object.entries(sizes).flatMap(([name, size]) => {
    const kind = ROWS.includes(name) ? 'rows' : name in OTHERS ? name : 'columns';
    return (OTHERS[kind] ?? []).map((other) => ({ ...sizes, [name]: other(size) }));
  });
  const inputs = (['address-coded', 'random'] as const).map((data) => input({ ...own, data }, false));
  const defaults = input({ ...own, sizes: only(probeSizes(op), sizes), data: 'address-coded' }, true);
  const others = variations.map((changed) => input({ ...own, sizes: changed, data: 'address-coded' }, true));
  return [...inputs, defaults, ...others];
}

function input(options: ProbeOptions, otherSizes: boolean): ProbeInput {
  return { options, otherSizes };
}

/** A second input that the call does not have has no size. */
function only(all: Readonly<Record<string, number>>, named: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(all).filter(([name]) => name in named));
}

function smaller(sizes: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(sizes).map(([name, size]) => [
      name,
      Math.min(size, MOST[name] ?? (ROWS.includes(name) ? MOST_ROWS : MOST_COLUMNS)),
    ]),
  );
}

const LAYOUTS: Readonly<Record<string, ProbeLayout>> = {
  'row-major': 'plain',
  gate_up_interleaved: 'checkpoint',
  'shuffle_weight(16,16)': 'separated',
  'shuffle_weight(guinterleave)': 'interleave',
  'shuffle_weight(guinterleave,gate_up)': 'interleave',
};

/** The choices of a probe that make operands like those of the call. */
function choicesOf({ op, operands }: KernelCall): Partial<ProbeChoices> {
  const known = probeChoices(op);
  const names = Object.keys(operands);
  const weight = operands['w13'] ?? operands['w1'] ?? operands['w2'];
  const layout = LAYOUTS[weight?.layout.id ?? ''];
  const format = operands['x']?.type;
  const type = operands[names[0] ?? '']?.type;
  return {
    ...(known.includes('layout') && layout !== undefined ? { layout } : {}),
    ...(known.includes('bias') && !names.some((name) => name.endsWith('_bias')) ? { bias: false } : {}),
    ...(known.includes('scales') && operands['x_scale']?.type !== 'f32' ? { scales: 'packed' } : {}),
    ...(known.includes('format') && format === 'e4m3fnuz' ? { format } : {}),
    ...(known.includes('type') && (type === 'f16' || type === 'f32' || type === 'bf16') ? { type } : {}),
    ...(known.includes('residual') && operands['r'] === undefined ? { residual: false } : {}),
    ...(known.includes('second') && operands['x2'] !== undefined ? { second: true } : {}),
  };
}

/** The command that writes an input. */
export function probeCommand({ op, sizes = {}, params = {}, data, ...choices }: ProbeOptions): string {
  const given = (name: string, value: string | undefined): string => (value === undefined ? '' : ` --${name} ${value}`);
  const { layout, scales, format, type, second, bias, residual } = choices;
  const list = Object.entries(sizes)
    .map(([name, size]) => `${name}=${size}`)
    .join(',');
  return [
    `preshuffle probe ${op} --sizes ${list}`,
    given('data', data),
    Object.keys(params).length === 0 ? '' : ` --params '${JSON.stringify(params)}'`,
    given('layout', layout),
    given('scales', scales),
    given('format', format),
    given('type', type),
    second === true ? ' --second' : '',
    bias === false ? ' --no-bias' : '',
    residual === false ? ' --no-residual' : '',
  ].join('');
}
