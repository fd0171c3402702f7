/** Elements listed as the worst of a tensor. */
const WORST = 5;

/** An element that differs, and by how much: multiples of the allowed error, units in the last place, or a plain difference. */
export interface Severity {
  readonly offset: number;
  readonly severity: number;
}

/** Which elements of a tensor differ. Filled while the tensor is compared; costs nothing before the first one. */
export class MismatchCollector {
  /** One byte an element of storage, 1 where it differs; undefined while none does. */
  failed: Uint8Array | undefined;
  /** Storage offset of the first that was added. */
  first: number | undefined;
  /** At most five, the worst first; of equals the earlier. */
  readonly worst: Severity[] = [];
  readonly #count: number;

  /** @param count elements of storage */
  constructor(count: number) {
    this.#count = count;
  }

  /** @param severity NaN where no distance is defined, as between a number and NaN: as bad as can be */
  add(offset: number, severity: number): void {
    this.failed ??= new Uint8Array(this.#count);
    this.first ??= offset;
    this.failed[offset] = 1;
    const rank = Number.isNaN(severity) ? Number.POSITIVE_INFINITY : severity;
    if (this.worst.length === WORST && rank <= (this.worst.at(-1)?.severity ?? 0)) return;
    const place = this.worst.findIndex((other) => other.severity < rank);
    this.worst.splice(place === -1 ? this.worst.length : place, 0, { offset, severity: rank });
    if (this.worst.length > WORST) this.worst.pop();
  }
}
