import { PreshuffleError } from '../errors.ts';
import { Layout } from './layout.ts';

/** A dimension of a pattern, as written. */
export interface PatternDim {
  readonly name: string;
  /** Digits, outermost first. At most one has no size: it takes what the shape leaves. */
  readonly factors: readonly { readonly name: string; readonly size: number | undefined }[];
  /** The dimension is padded to a multiple of this. */
  readonly pad: number | undefined;
  /** Logical size, in the notation of a bound layout with padding. */
  readonly size: number | undefined;
}

/** A layout before it meets a shape. */
export interface LayoutPattern {
  readonly text: string;
  readonly dims: readonly PatternDim[];
  readonly order: readonly string[];
}

/** A text is not in layout notation. `column` counts from 1. */
export class NotationError extends PreshuffleError {
  readonly text: string;
  readonly column: number;

  constructor(text: string, column: number, message: string) {
    super('layout-notation', `${message} at column ${column} of layout "${text}"`);
    this.text = text;
    this.column = column;
  }
}

/** A shape cannot take a layout; the reason is the one for which the source rejects it. */
export class ShapeRejectedError extends PreshuffleError {
  readonly layout: string;
  readonly shape: readonly number[];

  constructor(layout: string, shape: readonly number[], reason: string) {
    super('shape-rejected', `${layout} does not accept shape [${shape.join(', ')}]: ${reason}`);
    this.layout = layout;
    this.shape = shape;
  }
}

type Token = { readonly text: string; readonly column: number };

/**
 * Parses `(n0 n1:16) (k0 k1:2 k2:16) -> n0 k0 k1 n1 k2`.
 *
 * A dimension is a list of digits in parentheses, outermost first; a digit without `:size` takes what the shape leaves
 * (one a dimension). `n=(…)` names the dimension; without it the name is the digits' common stem (`n0 n1` -> `n`).
 * `(m0 m1:32 | pad 256)` pads m to a multiple of 256; `(m0:8 m1:32 | size 100)` is the same bound to 100. After `->` come all
 * digits, outermost in storage first.
 *
 * @throws NotationError with the column
 */
export function parsePattern(text: string): LayoutPattern {
  const tokens = tokenize(text);
  let at = 0;
  const end: Token = { text: '', column: text.length + 1 };
  const peek = (): Token => tokens[at] ?? end;
  const fail = (expected: string): NotationError => {
    const { text: found, column } = peek();
    return new NotationError(text, column, `expected ${expected}, found ${found === '' ? 'the end' : `"${found}"`}`);
  };
  const take = (expected: string): Token => {
    if (peek().text !== expected) throw fail(`"${expected}"`);
    return tokens[at++] as Token;
  };
  const takeName = (what: string): Token => {
    if (!/^[A-Za-z_]\w*$/.test(peek().text)) throw fail(what);
    return tokens[at++] as Token;
  };
  const takeSize = (): number => {
    if (!/^[1-9]\d*$/.test(peek().text)) throw fail('a positive size');
    return Number((tokens[at++] as Token).text);
  };

  const dims: PatternDim[] = [];
  const known = new Set<string>();
  while (peek().text !== '->') {
    let name: string | undefined;
    if (peek().text !== '(') {
      name = takeName('a dimension "(…)", "name=(…)" or "->"').text;
      take('=');
    }
    const open = take('(');
    const factors: { name: string; size: number | undefined }[] = [];
    while (peek().text !== ')' && peek().text !== '|') {
      const factor = takeName('a digit name');
      if (known.has(factor.text))
        throw new NotationError(text, factor.column, `digit "${factor.text}" is declared twice`);
      known.add(factor.text);
      const sized = peek().text === ':';
      if (sized) at += 1;
      factors.push({ name: factor.text, size: sized ? takeSize() : undefined });
    }
    if (factors.length === 0) throw fail('a digit name');
    if (factors.filter(({ size }) => size === undefined).length > 1) {
      throw new NotationError(text, open.column, 'only one digit of a dimension may have no size; give the others one');
    }
    let pad: number | undefined;
    let size: number | undefined;
    if (peek().text === '|') {
      at += 1;
      const rule = takeName('"pad" or "size"');
      if (rule.text === 'pad') pad = takeSize();
      else if (rule.text === 'size') size = takeSize();
      else throw new NotationError(text, rule.column, `expected "pad" or "size", found "${rule.text}"`);
    }
    take(')');
    dims.push({ name: name ?? stem(factors.map((factor) => factor.name)), factors, pad, size });
  }
  take('->');
  const order: string[] = [];
  while (peek() !== end) {
    const digit = takeName('a digit name');
    if (!known.has(digit.text))
      throw new NotationError(text, digit.column, `digit "${digit.text}" belongs to no dimension`);
    if (order.includes(digit.text))
      throw new NotationError(text, digit.column, `digit "${digit.text}" is listed twice`);
    order.push(digit.text);
  }
  const missing = [...known].find((name) => !order.includes(name));
  if (missing !== undefined)
    throw new NotationError(text, end.column, `digit "${missing}" is missing from the storage order`);
  return { text, dims, order };
}

function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  const pattern = /\s*(->|[()=:|]|\w+)|\s*(\S)/gy;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [whole, token, stray] = match;
    const column = match.index + whole.length - (token ?? stray ?? '').length + 1;
    if (stray !== undefined) throw new NotationError(text, column, `unexpected character "${stray}"`);
    if (token !== undefined) tokens.push({ text: token, column });
  }
  return tokens;
}

/** `n0 n1` -> `n`; a single digit gives its own name. */
function stem(names: readonly string[]): string {
  const first = names[0] ?? '';
  return names.length === 1 ? first : first.replace(/\d+$/, '') || first;
}

/** What binding needs beside the pattern. */
export interface BindOptions<Id extends string> {
  readonly id: Id;
  readonly storageShape?: readonly number[];
}

/**
 * Gives a pattern its sizes.
 * @throws ShapeRejectedError when a dimension is not a multiple of its digits' sizes and the pattern does not pad it
 */
export function bindPattern<Id extends string>(
  pattern: LayoutPattern,
  shape: readonly number[],
  options: BindOptions<Id>,
): Layout<Id> {
  const { id, storageShape } = options;
  if (shape.length !== pattern.dims.length) {
    throw new ShapeRejectedError(
      id,
      shape,
      `it has ${shape.length} dimensions, expected ${pattern.dims.length} (${pattern.dims.map(({ name }) => name).join(', ')}).`,
    );
  }
  const bad = shape.find((size) => !Number.isSafeInteger(size) || size < 1);
  if (bad !== undefined) throw new ShapeRejectedError(id, shape, `size ${bad} is not a positive integer.`);
  const dims = pattern.dims.map((dim, axis) => {
    const size = shape[axis] as number;
    const block = dim.factors.reduce((product, factor) => product * (factor.size ?? 1), 1);
    const multiple = dim.pad ?? block;
    if (dim.pad === undefined && dim.size === undefined && size % block !== 0) {
      throw new ShapeRejectedError(
        id,
        shape,
        `${dim.name} = ${size} is not a multiple of ${block} (${size} % ${block} == ${size % block}).`,
      );
    }
    const padded = dim.size === undefined ? Math.ceil(size / multiple) * multiple : block;
    const inferred = padded / block;
    const isSized = dim.factors.every((factor) => factor.size !== undefined);
    if (!Number.isInteger(inferred) || (isSized && inferred !== 1) || size > padded) {
      throw new ShapeRejectedError(
        id,
        shape,
        `${dim.name} = ${size} does not fit digits of ${block} elements${dim.pad === undefined ? '' : `, padded to a multiple of ${dim.pad}`}.`,
      );
    }
    return {
      name: dim.name,
      size,
      factors: dim.factors.map((factor) => ({ name: factor.name, size: factor.size ?? inferred })),
    };
  });
  return new Layout({ id, dims, order: pattern.order, ...(storageShape === undefined ? {} : { storageShape }) });
}

/**
 * Reads a bound layout from its notation: every digit has a size. The inverse of `Layout.toString`.
 * @post `parseLayout(layout.toString()).equals(layout)`
 */
export function parseLayout(text: string, id = 'custom'): Layout {
  const pattern = parsePattern(text);
  const open = pattern.dims.flatMap(({ factors }) => factors).find(({ size }) => size === undefined);
  if (open !== undefined) {
    throw new NotationError(
      text,
      1,
      `digit "${open.name}" has no size; give every digit one, or bind the pattern to a shape,`,
    );
  }
  const shape = pattern.dims.map(
    (dim) => dim.size ?? dim.factors.reduce((product, factor) => product * (factor.size ?? 1), 1),
  );
  return bindPattern(pattern, shape, { id });
}
