import type { KernelCall, NamedTensors } from '../ops/kernel-call.ts';
import type { OpName } from '../ops/registry.ts';

/** Which part of the way from a checkpoint to an answer a mistake belongs to; chapters of the docs. */
export type HypothesisFamily =
  | 'weight layout'
  | 'scale layout'
  | 'gate and up'
  | 'number format'
  | 'quantisation'
  | 'routing'
  | 'activation'
  | 'bias'
  | 'sharding and padding'
  | 'arithmetic'
  | 'output';

/** The part of the outputs that is looked at. Rows are tokens (the first axis), columns the last axis; ascending. */
export interface OutputWindow {
  /** Rows of the whole output. */
  readonly rowCount: number;
  readonly rows: readonly number[];
  readonly columnCount: number;
  readonly columns: readonly number[];
}

/** What a mistake makes of a call. Without `compute` and `finish`: the op itself, on other operands or with other parameters. */
export interface MistakenCall extends KernelCall {
  /**
   * What the kernel computes instead of the op's reference. Gets the call cut down to the window, so it must treat each row of the output
   * by itself.
   */
  readonly compute?: (call: KernelCall, window: OutputWindow) => NamedTensors;
  /** What becomes of the outputs afterwards, in shape and type unchanged. */
  readonly finish?: (outputs: NamedTensors, window: OutputWindow) => NamedTensors;
}

/** One way in which a mistake can have happened to a call: by how many rows, in which operand. */
export interface Variant {
  /** Added to the title; empty where there is only one way. */
  readonly detail: string;
  /**
   * @throws PreshuffleError where the shape does not take it: then the variant does not apply
   */
  make(): MistakenCall;
}

/** A mistake that explains wrong outputs, as data. */
export interface Hypothesis {
  /** Stable, in kebab case; the name of its page in docs/diagnosis. */
  readonly id: string;
  /** What happened, one clause: "a plain weight goes to a kernel that reads shuffled ones". */
  readonly title: string;
  readonly family: HypothesisFamily;
  readonly ops: readonly OpName[];
  /** What it looks like from outside. */
  readonly symptom: string;
  /** Where it happened (project and number), or which source it follows from. */
  readonly origin: string;
  /** `reported`: in an issue; `derived`: from the source of a loader or kernel. */
  readonly evidence: 'reported' | 'derived';
  /** What to do, in the imperative. */
  readonly remedy: string;
  /** Data on which it changes nothing, or looks like another mistake. */
  readonly hiddenBy: string;
  /** Id of a golden incident and scene of the visualizer, where there is one. */
  readonly incident?: string;
  /** Set when it moves data between experts: then experts without tokens cannot be left out. */
  readonly acrossExperts?: true;
  /** The ways in which it can have happened to this call; none where it does not apply (no bias, one expert). */
  variants(call: KernelCall): readonly Variant[];
}

/** A hypothesis with a single way. `make` gives undefined where it does not apply. */
export function singleVariant(make: (call: KernelCall) => MistakenCall | undefined): Hypothesis['variants'] {
  return (call) => {
    const made = make(call);
    return made === undefined ? [] : [{ detail: '', make: () => made }];
  };
}
