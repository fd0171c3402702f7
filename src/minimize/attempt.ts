import { PreshuffleError } from '../errors.ts';
import type { KernelCall } from '../ops/kernel-call.ts';
import { definitionOf } from '../ops/registry.ts';

/** An element of an output that is wrong. */
export interface FailingElement {
  readonly output: string;
  readonly coord: readonly number[];
}

/** Whether a call fails, or which elements do: knowing them saves runs. No elements: it does not fail. */
export type Verdict = boolean | readonly FailingElement[];

export type Fails = (call: KernelCall) => Promise<Verdict>;

/** What was tried so far. */
export interface AttemptCount {
  /** Calls that were run. */
  readonly runs: number;
  /** Smaller calls that the op or the kernel does not take. */
  readonly rejected: number;
}

/** Tries calls as long as there is time, and counts. */
export class Attempts {
  runs = 0;
  rejected = 0;
  /** Set once something was not tried because the time was up. */
  cutShort = false;
  /** Failing elements of the last call that failed, where they are known. */
  failing: readonly FailingElement[] = [];
  readonly #fails: Fails;
  readonly #deadline: number;
  readonly #onRun: (count: AttemptCount) => void;

  constructor(fails: Fails, deadline: number, onRun: (count: AttemptCount) => void) {
    this.#fails = fails;
    this.#deadline = deadline;
    this.#onRun = onRun;
  }

  /** Whether the call still fails. A call that the op does not take, or whose run is refused, does not. */
  async stillFails(call: KernelCall): Promise<boolean> {
    if (performance.now() > this.#deadline) {
      this.cutShort = true;
      return false;
    }
    try {
      definitionOf(call.op).plan(call.params, call.operands);
      const verdict = await this.#fails(call);
      this.runs += 1;
      this.#onRun(this);
      if (verdict === false || (verdict !== true && verdict.length === 0)) return false;
      this.failing = verdict === true ? [] : verdict;
      return true;
    } catch (error) {
      if (!(error instanceof PreshuffleError)) throw error;
      this.rejected += 1;
      return false;
    }
  }
}
