/** Rows that move together: `count` rows from row `from` of the source to row `to` of the target. */
export interface RowRange {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** A stack of matrices in bytes, experts outermost, rows contiguous. */
export interface RowStack {
  readonly experts: number;
  readonly rows: number;
  readonly rowBytes: number;
}

export interface CopyRowsOptions {
  /** First byte that is taken of each source row. Default 0. */
  readonly column?: number;
  /** Bytes that are taken of each row; they go to the front of the target row. Default: as many as both have. */
  readonly width?: number;
  /** Byte everywhere else. Default 0. */
  readonly fill?: number;
}

/** Copies ranges of rows of every expert into a new stack of other row counts and lengths. */
export function copyRows(
  bytes: Uint8Array,
  source: RowStack,
  target: RowStack,
  ranges: readonly RowRange[],
  options: CopyRowsOptions = {},
): Uint8Array {
  const { column = 0, fill = 0 } = options;
  const width = options.width ?? Math.min(source.rowBytes - column, target.rowBytes);
  const out = new Uint8Array(target.experts * target.rows * target.rowBytes);
  if (fill !== 0) out.fill(fill);
  const isWhole = width === source.rowBytes && width === target.rowBytes;
  for (let expert = 0; expert < target.experts; expert += 1) {
    const readFrom = expert * source.rows * source.rowBytes + column;
    const writeTo = expert * target.rows * target.rowBytes;
    for (const { from, to, count } of ranges) {
      const read = readFrom + from * source.rowBytes;
      const write = writeTo + to * target.rowBytes;
      if (isWhole) {
        out.set(bytes.subarray(read, read + count * width), write);
        continue;
      }
      for (let row = 0; row < count; row += 1) {
        const at = read + row * source.rowBytes;
        out.set(bytes.subarray(at, at + width), write + row * target.rowBytes);
      }
    }
  }
  return out;
}
