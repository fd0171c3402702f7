import { PreshuffleError } from '../../src/errors.ts';
import type { ArgumentStruct, Field, FieldValues } from './args.ts';
import type { HipDevice } from './device.ts';
import type { HipKernelFunction } from './module.ts';
import type { HipFunctions } from './prototypes.ts';
import type { HipStream } from './stream.ts';

/** Workgroups in x, y and z. */
export type Grid = readonly [number, number, number];

/** Kernarg segments of this package are far smaller. */
const ARGUMENT_BYTES = 4096;
/** Keys of the `extra` list of hipModuleLaunchKernel. */
const POINTER = 1n;
const SIZE = 2n;
const END = 3n;

/**
 * Launches kernels. Argument bytes are written into native memory that stays for ever, with the `extra` list beside them: the
 * runtime copies them before it returns, so one place serves all launches, and koffi has nothing to convert.
 */
export class Launcher {
  readonly #device: HipDevice;
  readonly #arguments: DataView;
  readonly #bytes: Uint8Array;
  readonly #size: BigUint64Array;
  readonly #extra: bigint;
  #lastBytes = -1;
  readonly #launch: HipFunctions['hipModuleLaunchKernel'];

  constructor(device: HipDevice) {
    const { koffi } = device.runtime;
    // Behind the arguments: the size that the list points at, and the list {1, arguments, 2, &size, 3}.
    const base = koffi.alloc('uint8_t', ARGUMENT_BYTES + 6 * 8) as bigint;
    const memory = koffi.view(base, ARGUMENT_BYTES + 6 * 8);
    const sizeAt = base + BigInt(ARGUMENT_BYTES);
    new BigUint64Array(memory, ARGUMENT_BYTES + 8, 5).set([POINTER, base, SIZE, sizeAt, END]);
    this.#device = device;
    this.#arguments = new DataView(memory, 0, ARGUMENT_BYTES);
    this.#bytes = new Uint8Array(memory, 0, ARGUMENT_BYTES);
    this.#size = new BigUint64Array(memory, ARGUMENT_BYTES, 1);
    this.#extra = sizeAt + 8n;
    this.#launch = device.ffi.raw('hipModuleLaunchKernel');
  }

  /**
   * Queues a kernel. Returns when the runtime has accepted it.
   * @param kernel looked up with the same struct
   * @throws HipError, HipHandleError
   */
  launch<const Fields extends readonly Field[]>(
    kernel: HipKernelFunction,
    struct: ArgumentStruct<Fields>,
    values: FieldValues<Fields>,
    grid: Grid,
    stream: HipStream,
  ): void {
    const { ffi, handles } = this.#device;
    const { kernargBytes, threads } = kernel;
    if (kernargBytes > ARGUMENT_BYTES) {
      throw new PreshuffleError(
        'hip-args',
        `kernel ${kernel.name} takes ${kernargBytes} bytes of arguments, there is room for ${ARGUMENT_BYTES}.`,
      );
    }
    struct.pack(this.#arguments, values);
    // What lies behind the struct is the compiler's own; an earlier kernel may have left something there.
    if (kernargBytes > struct.byteLength) this.#bytes.fill(0, struct.byteLength, kernargBytes);
    if (kernargBytes !== this.#lastBytes) {
      this.#lastBytes = kernargBytes;
      this.#size[0] = BigInt(kernargBytes);
    }
    // Destructuring would run an iterator, on the path that is measured.
    const x = grid[0];
    const y = grid[1];
    const z = grid[2];
    const status = this.#launch(
      kernel.handle.on(handles),
      x,
      y,
      z,
      threads,
      1,
      1,
      0,
      stream.handle.on(handles),
      null,
      this.#extra,
    );
    if (status === 0) return;
    ffi.require(
      'hipModuleLaunchKernel',
      status,
      `kernel ${kernel.name}, ${x}x${y}x${z} workgroups of ${threads} threads`,
    );
  }

  /** Gives the native memory back; nothing may be launched afterwards. */
  dispose(): void {
    this.#device.runtime.koffi.free(this.#extra - 8n - BigInt(ARGUMENT_BYTES));
  }
}
