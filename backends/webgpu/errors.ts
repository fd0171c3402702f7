import { PreshuffleError } from '../../src/errors.ts';

/** The device refused or lost a kernel. Names the op and the shader; `cause` is Dawn's or the browser's error. */
export class KernelError extends PreshuffleError {
  readonly op: string;
  readonly kernel: string;

  constructor(op: string, kernel: string, message: string, options?: ErrorOptions) {
    super('webgpu-kernel', `${op}: WebGPU kernel ${kernel}: ${message}`, options);
    this.op = op;
    this.kernel = kernel;
  }
}

/** The device has no room for a buffer, or cannot make one as large as this. */
export class DeviceMemoryError extends PreshuffleError {
  constructor(label: string, byteLength: number, message: string) {
    super('webgpu-memory', `buffer "${label}" of ${byteLength} bytes: ${message}`);
  }
}

/** The device went away: driver reset, or it was destroyed. */
export class DeviceLostError extends PreshuffleError {
  constructor(reason: string, message: string) {
    super(
      'webgpu-device-lost',
      `the WebGPU device was lost (${reason}): ${message} Open the backend again; its tensors are gone.`,
    );
  }
}
