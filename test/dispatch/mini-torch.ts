/**
 * As much of torch as scale layouts need: a float buffer, sizes, strides, and the four operations that the helpers of SGLang are
 * written with. Written apart from the library, so that the planner is held against something else than itself.
 */
export class MiniTensor {
  readonly data: Float32Array;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(data: Float32Array, shape: readonly number[], strides: readonly number[]) {
    this.data = data;
    this.shape = shape;
    this.strides = strides;
  }

  at(row: number, column: number): number {
    return this.data[row * (this.strides[0] as number) + column * (this.strides[1] as number)] as number;
  }

  stride(axis: number): number {
    return this.strides[axis] as number;
  }

  t(): MiniTensor {
    return this.transpose(0, 1);
  }

  transpose(_a: number, _b: number): MiniTensor {
    return new MiniTensor(this.data, this.shape.toReversed(), this.strides.toReversed());
  }

  /** torch ignores the stride of a dimension of size 1. */
  isContiguous(): boolean {
    const [rows, columns] = this.shape as [number, number];
    return (columns === 1 || this.strides[1] === 1) && (rows === 1 || this.strides[0] === columns);
  }

  contiguous(): MiniTensor {
    if (this.isContiguous()) return this;
    const [rows, columns] = this.shape as [number, number];
    const copy = new Float32Array(rows * columns);
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) copy[row * columns + column] = this.at(row, column);
    }
    return new MiniTensor(copy, this.shape, [columns, 1]);
  }

  view(rows: number, columns: number): MiniTensor {
    if (this.isContiguous()) return new MiniTensor(this.data, [rows, columns], [columns, 1]);
    // A view of the same sizes always succeeds, whatever the strides are.
    if (this.shape[0] === rows && this.shape[1] === columns) return this;
    throw new Error('view size is not compatible with input tensor size and stride');
  }

  as_strided(shape: readonly number[], strides: readonly number[]): MiniTensor {
    return new MiniTensor(this.data, shape, strides);
  }
}

/** Runs a line of torch as the library prints it: `s.as_strided((M, G), (1, M))`. */
export function runTorch(code: string, s: MiniTensor, M: number, G: number): MiniTensor {
  const script = code
    .replace('view(*s.shape)', 'view(...s.shape)')
    .replace('as_strided((M, G), (1, M))', 'as_strided([M, G], [1, M])')
    .replace('as_strided(s.shape, (1, M))', 'as_strided(s.shape, [1, M])');
  return new Function('s', 'M', 'G', `return ${script};`)(s, M, G) as MiniTensor;
}

/** The value of (m, g): no two are equal. */
export function addressCoded(m: number, g: number): number {
  return m * 1000 + g + 1;
}

/** A scale [M, G] as its producer leaves it. */
export function producedScaleTensor(state: 'RM' | 'CM' | 'TV', M: number, G: number): MiniTensor {
  const data = new Float32Array(M * G);
  for (let m = 0; m < M; m += 1) {
    for (let g = 0; g < G; g += 1) data[state === 'RM' ? m * G + g : g * M + m] = addressCoded(m, g);
  }
  return new MiniTensor(data, [M, G], state === 'CM' ? [1, M] : [G, 1]);
}

/** What each kernel reads for (m, g), from its source. Throws where its wrapper does. */
export function kernelReads(kernel: string, s: MiniTensor, M: number, G: number): (m: number, g: number) => number {
  const rowMajor = (m: number, g: number): number => s.data[m * G + g] as number;
  const columnMajor = (m: number, g: number): number => s.data[g * M + m] as number;
  switch (kernel) {
    case 'ck':
    case 'cktile-8warp':
      return rowMajor;
    case 'cktile':
      return (m, g) => s.data[m * s.stride(0) + g] as number;
    case 'ck-bpreshuffle':
    case 'asm-bpreshuffle':
    case 'cktile-bpreshuffle-8warp':
      return columnMajor;
    case 'cktile-bpreshuffle': {
      const turned = s.view(G, M).transpose(0, 1).contiguous();
      return (m, g) => turned.data[m * G + g] as number;
    }
    case 'triton':
    case 'sglang-triton':
      return (m, g) => s.at(m, g);
    case 'triton-preshuffle':
      return s.stride(0) === 1 ? (m, g) => s.at(m, g) : columnMajor;
    default:
      throw new Error(`unknown kernel ${kernel}`);
  }
}

/** Whether a kernel sees every scale where it is. */
export function outcome(kernel: string, s: MiniTensor, M: number, G: number): 'right' | 'silently-wrong' | 'throws' {
  let read: (m: number, g: number) => number;
  try {
    read = kernelReads(kernel, s, M, G);
  } catch {
    return 'throws';
  }
  for (let m = 0; m < M; m += 1) {
    for (let g = 0; g < G; g += 1) if (read(m, g) !== addressCoded(m, g)) return 'silently-wrong';
  }
  return 'right';
}
