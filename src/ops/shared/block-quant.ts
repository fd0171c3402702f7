/** How a matrix is cut into blocks that share a scale. Blocks at the edges may be cut off. */
export interface Blocks {
  readonly rows: number;
  readonly columns: number;
  readonly blockRows: number;
  readonly blockColumns: number;
}

export function blocksDown({ rows, blockRows }: Blocks): number {
  return Math.ceil(rows / blockRows);
}

export function blocksAcross({ columns, blockColumns }: Blocks): number {
  return Math.ceil(columns / blockColumns);
}

/**
 * Largest magnitude of every block, row-major over blocks. A NaN makes its block's NaN (torch `amax`) unless `ignoreNaN`
 * (fmaxf in HIP kernels).
 */
export function blockAmax(x: Float32Array, blocks: Blocks, ignoreNaN = false): Float32Array {
  const { rows, columns, blockRows, blockColumns } = blocks;
  const across = blocksAcross(blocks);
  const amax = new Float32Array(blocksDown(blocks) * across);
  for (let row = 0; row < rows; row += 1) {
    const first = Math.floor(row / blockRows) * across;
    for (let block = 0; block < across; block += 1) {
      const start = row * columns + block * blockColumns;
      const end = row * columns + Math.min(columns, (block + 1) * blockColumns);
      const run = runAmax(x, start, end, ignoreNaN);
      const before = amax[first + block] as number;
      // Not Math.max: a NaN of an earlier row must stay, and a zero must not win over it.
      amax[first + block] = run > before || Number.isNaN(run) ? run : before;
    }
  }
  return amax;
}

function runAmax(x: Float32Array, start: number, end: number, ignoreNaN: boolean): number {
  let largest = 0;
  let sawNaN = false;
  for (let index = start; index < end; index += 1) {
    const magnitude = Math.abs(x[index] as number);
    if (magnitude > largest) largest = magnitude;
    else if (Number.isNaN(magnitude)) sawNaN = true;
  }
  return sawNaN && !ignoreNaN ? Number.NaN : largest;
}

/**
 * Divides or multiplies every element by its block's step, rounding to float32 once.
 * @returns a new array in the order of `x`
 */
export function applySteps(x: Float32Array, blocks: Blocks, steps: Float32Array, by: 'divide' | 'multiply'): Float32Array {
  const { rows, columns, blockRows, blockColumns } = blocks;
  const across = blocksAcross(blocks);
  const out = new Float32Array(x.length);
  for (let row = 0; row < rows; row += 1) {
    const first = Math.floor(row / blockRows) * across;
    for (let block = 0; block < across; block += 1) {
      const step = steps[first + block] as number;
      const end = row * columns + Math.min(columns, (block + 1) * blockColumns);
      // Storing into a Float32Array is the one rounding: quotient and product of float32s are exact enough in float64.
      if (by === 'divide') for (let index = row * columns + block * blockColumns; index < end; index += 1) out[index] = (x[index] as number) / step;
      else for (let index = row * columns + block * blockColumns; index < end; index += 1) out[index] = (x[index] as number) * step;
    }
  }
  return out;
}

/** AMD's median of three as the HIP quantisers use it to clamp: NaN gives the lower limit. */
export function clampMed3(x: Float32Array, max: number): Float32Array {
  for (let index = 0; index < x.length; index += 1) {
    const value = x[index] as number;
    x[index] = value > max ? max : value >= -max ? value : -max;
  }
  return x;
}
