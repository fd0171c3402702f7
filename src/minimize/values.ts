import { elementBits, isIntegerType } from '../formats/element-type.ts';
import { encode } from '../formats/encode.ts';
import type { KernelCall } from '../ops/kernel-call.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { elementsOf, withElements } from './gather.ts';

/** Candidates that one operand may cost: about what leaves the one element that matters, of a million. */
const MOST_TRIES = 64;

/** The number that is easiest to read in an operand: 1, and 0 where it is added. */
function plainValue(name: string): number {
  return name.endsWith('bias') ? 0 : 1;
}

/** Operands whose values can be made plain: numbers and scales, not indices. */
function isPlainable(given: Tensor): boolean {
  return given.scaling === 'ue8m0-packed' || !isIntegerType(given.type);
}

/** The bytes of one plain element, as `elementsOf` gives elements. */
function plainElement(name: string, given: Tensor): Uint8Array {
  if (given.scaling === 'ue8m0-packed') return new Uint8Array(4).fill(127);
  const value = plainValue(name);
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  if (given.type === 'f64') view.setFloat64(0, value, true);
  else if (!isIntegerType(given.type)) view.setUint32(0, encode(given.type, value), true);
  return bytes.slice(0, Math.max(1, elementBits(given.type) / 8));
}

/**
 * Makes values plain as long as the call still fails: codes and scales 1, biases 0; whole operands, then halves of them, and so on.
 * @returns the call, and the operands in which something became plain, with how many elements did not
 */
export async function simplifyValues(
  call: KernelCall,
  fails: (call: KernelCall) => Promise<boolean>,
): Promise<{ readonly call: KernelCall; readonly simplified: readonly Simplified[] }> {
  const simplified: Simplified[] = [];
  let current = call;
  for (const [name, given] of Object.entries(call.operands)) {
    if (!isPlainable(given)) continue;
    const search = new OperandSearch(current, name, given, fails);
    await search.make(0, given.layout.size);
    current = search.call;
    if (search.changed) simplified.push({ operand: name, value: plainValue(name), left: search.left() });
  }
  return { call: current, simplified };
}

export interface Simplified {
  readonly operand: string;
  /** What its elements are now. */
  readonly value: number;
  /** Elements that are something else. */
  readonly left: number;
}

class OperandSearch {
  call: KernelCall;
  changed = false;
  readonly #name: string;
  readonly #given: Tensor;
  readonly #plain: Uint8Array;
  readonly #fails: (call: KernelCall) => Promise<boolean>;
  #elements: Uint8Array;
  #tries = 0;

  constructor(call: KernelCall, name: string, given: Tensor, fails: (call: KernelCall) => Promise<boolean>) {
    this.call = call;
    this.#name = name;
    this.#given = given;
    this.#fails = fails;
    this.#plain = plainElement(name, given);
    this.#elements = elementsOf(given);
  }

  /** Elements that are not plain. */
  left(): number {
    let count = 0;
    for (let index = 0; index < this.#given.layout.size; index += 1) if (!this.#isPlain(index)) count += 1;
    return count;
  }

  /** Makes elements `start` to `end` plain, or as many of them as keep the call failing. */
  async make(start: number, end: number): Promise<void> {
    if (this.#tries >= MOST_TRIES || this.#allPlain(start, end)) return;
    this.#tries += 1;
    const width = this.#plain.length;
    const elements = this.#elements.slice();
    for (let index = start; index < end; index += 1) elements.set(this.#plain, index * width);
    const changed = withElements(this.#given, this.#given.layout.shape, elements);
    if (changed === undefined) return;
    const call = { ...this.call, operands: { ...this.call.operands, [this.#name]: changed } };
    if (await this.#fails(call)) {
      this.call = call;
      this.changed = true;
      this.#elements = elements;
      return;
    }
    if (end - start <= 1) return;
    const middle = (start + end) >> 1;
    await this.make(start, middle);
    await this.make(middle, end);
  }

  #allPlain(start: number, end: number): boolean {
    for (let index = start; index < end; index += 1) if (!this.#isPlain(index)) return false;
    return true;
  }

  #isPlain(index: number): boolean {
    const width = this.#plain.length;
    return this.#plain.every((byte, at) => this.#elements[index * width + at] === byte);
  }
}
