/**
 * The errors that preshuffle throws. Every message says what was given, what was expected and what to do.
 * `code` is stable and meant for programs; the message is meant for people.
 */
export class PreshuffleError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** An operand of an op has the wrong type, shape, length or scale encoding, or is missing. */
export class OperandError extends PreshuffleError {
  readonly op: string;
  readonly tensor: string;

  constructor(op: string, tensor: string, message: string) {
    super('operand', `${op}: operand "${tensor}": ${message}`);
    this.op = op;
    this.tensor = tensor;
  }
}

/** A parameter of an op, a layout or a case has a value outside its domain. */
export class ParameterError extends PreshuffleError {
  readonly parameter: string;

  constructor(where: string, parameter: string, message: string) {
    super('parameter', `${where}: parameter "${parameter}": ${message}`);
    this.parameter = parameter;
  }
}

/** A backend was asked for that this machine cannot give. `tried` lists what was looked at, in order. */
export class BackendUnavailableError extends PreshuffleError {
  readonly backend: string;
  /** Why, without the list of what was tried. */
  readonly reason: string;
  readonly tried: readonly string[];

  constructor(backend: string, message: string, tried: readonly string[] = [], options?: ErrorOptions) {
    const list = tried.length === 0 ? '' : `\nTried:\n${tried.map((line) => `  - ${line}`).join('\n')}`;
    super('backend-unavailable', `backend "${backend}" is not available: ${message}${list}`, options);
    this.backend = backend;
    this.reason = message;
    this.tried = tried;
  }
}

/** A backend does not implement an op (or this variant of it). The golden runner reports it as `skip`. */
export class UnsupportedOpError extends PreshuffleError {
  readonly backend: string;
  readonly op: string;
  readonly reason: string;

  constructor(backend: string, op: string, reason: string) {
    super('unsupported-op', `backend "${backend}" does not run ${op}: ${reason}`);
    this.backend = backend;
    this.op = op;
    this.reason = reason;
  }
}
