import { PreshuffleError } from '../errors.ts';

/** A checkpoint tensor is missing, has another type or shape than its name promises, or names do not fit together. */
export class CheckpointError extends PreshuffleError {
  /** Name of the tensor, or of the layer where one is missing. */
  readonly tensor: string;

  constructor(tensor: string, message: string) {
    super('moe-checkpoint', `"${tensor}" ${message}`);
    this.tensor = tensor;
  }
}

/** Expert weights are not in the state that a step starts from, or their parts are in different states. */
export class ExpertStateError extends PreshuffleError {
  readonly where: string;
  /** What each part is: `{ w13: 'L0', w13_scale: 'L1' }`. */
  readonly states: Readonly<Record<string, string>>;

  constructor(where: string, states: Readonly<Record<string, string>>, message: string) {
    super('expert-state', `${where}: ${message}`);
    this.where = where;
    this.states = states;
  }
}
