import { PreshuffleError } from '../../src/errors.ts';

/** Results of `hip*` calls that this backend tells apart (`hipError_t`; the numbers are the same in every HIP version). */
export const HIP_STATUS = {
  success: 0,
  outOfMemory: 2,
  noDevice: 100,
  invalidDevice: 101,
  notFound: 500,
  notReady: 600,
} as const;

/** What to do, by `hipError_t`. */
const ADVICE: Readonly<Record<number, string>> = {
  1: 'The runtime refuses an argument of this call: please report it with the whole message.',
  2: 'Free tensors, or run the work in parts.',
  9: 'The launch has an impossible grid or workgroup size: please report it with the whole message.',
  98: 'The code object does not fit this device: rebuild it for its architecture.',
  100: 'Is a GPU visible? See rocminfo, the permissions of /dev/kfd, and HIP_VISIBLE_DEVICES.',
  101: 'Is a GPU visible? See rocminfo, the permissions of /dev/kfd, and HIP_VISIBLE_DEVICES.',
  200: 'These bytes are no code object that this runtime reads.',
  209: 'The code object was built for another architecture: build it for this device.',
  301: 'The code object was built for another architecture: build it for this device.',
  400: 'A handle is not valid (any more): please report it with the whole message.',
  500: 'There is no such symbol in the code object.',
  700: 'A kernel touched memory outside its buffers. Open the backend again; its tensors are lost.',
  702: 'A kernel did not end in time. Open the backend again; its tensors are lost.',
  709: 'The device context is gone. Open the backend again; its tensors are lost.',
  719: 'A kernel failed on the device. Open the backend again; its tensors are lost.',
  900: 'This call must not be made while a stream is captured.',
  901: 'An earlier call ended the capture of this stream. Capture again.',
};

/** A call into the HIP runtime failed. */
export class HipError extends PreshuffleError {
  /** The function, e.g. `hipModuleLoadData`. */
  readonly call: string;
  /** `hipError_t`. */
  readonly status: number;

  /**
   * @param statusName what hipGetErrorName says
   * @param context what was attempted, e.g. `code object "permute"`
   */
  constructor(call: string, status: number, statusName: string, context?: string) {
    const about = context === undefined ? '' : ` (${context})`;
    const advice = ADVICE[status] ?? 'See the HIP documentation of this error.';
    super('hip', `${call} failed${about}: ${statusName} (${status}). ${advice}`);
    this.call = call;
    this.status = status;
  }
}

/** The runtime library lacks a function that is needed now. */
export class HipSymbolError extends PreshuffleError {
  readonly symbol: string;

  constructor(library: string, symbol: string, reason: string) {
    super(
      'hip-symbol',
      `${library} does not export ${symbol} (${reason}). Use a HIP runtime of ROCm 7.0 or newer; PRESHUFFLE_HIP_LIBRARY names one.`,
    );
    this.symbol = symbol;
  }
}

/** Device or pinned memory ran out. */
export class HipMemoryError extends PreshuffleError {
  readonly byteLength: number;

  constructor(label: string, byteLength: number, message: string) {
    super('hip-memory', `buffer "${label}" of ${byteLength} bytes: ${message}`);
    this.byteLength = byteLength;
  }
}

/** A handle was used after its end, or on another device. Found on our side: HIP 7 crashes the process on these. */
export class HipHandleError extends PreshuffleError {
  constructor(message: string) {
    super('hip-handle', message);
  }
}

/** A code object is damaged, is for another device, lacks a kernel, or takes other arguments than its TypeScript struct. */
export class CodeObjectError extends PreshuffleError {
  /** The name of the code object. */
  readonly object: string;

  constructor(object: string, message: string) {
    super('hip-code-object', `code object "${object}": ${message}`);
    this.object = object;
  }
}

/** A kernel of an op could not be launched. `cause` is the runtime's error. */
export class HipKernelError extends PreshuffleError {
  readonly op: string;
  readonly kernel: string;

  constructor(op: string, kernel: string, message: string, options?: ErrorOptions) {
    super('hip-kernel', `${op}: HIP kernel ${kernel}: ${message}`, options);
    this.op = op;
    this.kernel = kernel;
  }
}
