import type { HipDevice } from './device.ts';
import type { HipBuffer } from './memory.ts';
import { PinnedMemory } from './pinned.ts';
import type { HipStream } from './stream.ts';

const TO_DEVICE = 1;
const TO_HOST = 2;

/** Copies go through pinned memory in pieces of at most this many bytes. */
const LARGEST_PIECE = 16 * 2 ** 20;
const SMALLEST_PIECE = 64 * 2 ** 10;

/**
 * Copies between JavaScript arrays and a device. The runtime may read ordinary memory only while a call lasts, so
 * the bytes go through one piece of pinned memory; copies wait for each other and JavaScript goes on meanwhile.
 */
export class Transfers {
  readonly #device: HipDevice;
  readonly #stream: HipStream;
  #staging: PinnedMemory | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(device: HipDevice, stream: HipStream) {
    this.#device = device;
    this.#stream = stream;
  }

  /** Copies bytes to the start of a buffer; resolves when they are there. */
  upload(bytes: Uint8Array, target: HipBuffer): Promise<void> {
    return this.#inTurn(async () => {
      for (const { start, end } of pieces(bytes.length)) {
        const staging = this.#stagingFor(bytes.length);
        staging.bytes.set(bytes.subarray(start, end));
        const address = this.#address(target, start);
        this.#copy(address, staging.address, end - start, TO_DEVICE, target.label);
        await this.#stream.done();
      }
    });
  }

  /** Copies a buffer's bytes back, after everything queued before. */
  download(source: HipBuffer): Promise<Uint8Array> {
    return this.#inTurn(async () => {
      const bytes = new Uint8Array(source.byteLength);
      for (const { start, end } of pieces(bytes.length)) {
        const staging = this.#stagingFor(bytes.length);
        const address = this.#address(source, start);
        this.#copy(staging.address, address, end - start, TO_HOST, source.label);
        await this.#stream.done();
        bytes.set(staging.bytes.subarray(0, end - start), start);
      }
      return bytes;
    });
  }

  /** Waits for copies under way, which may fail, and gives the pinned memory back. */
  async dispose(): Promise<void> {
    await this.#inTurn(async () => undefined).catch(() => undefined);
    this.#staging?.[Symbol.dispose]();
    this.#staging = undefined;
  }

  #address(buffer: HipBuffer, start: number): bigint {
    return buffer.handle.on(this.#device.handles) + BigInt(start);
  }

  #copy(target: bigint, source: bigint, length: number, kind: number, label: string): void {
    const { ffi, handles } = this.#device;
    ffi.call('hipMemcpyAsync', [target, source, length, kind, this.#stream.handle.on(handles)], `buffer "${label}"`);
  }

  /** Pinned memory for a copy of so many bytes: grows by powers of two up to a whole piece. */
  #stagingFor(byteLength: number): PinnedMemory {
    const needed = Math.min(LARGEST_PIECE, Math.max(SMALLEST_PIECE, 2 ** Math.ceil(Math.log2(byteLength))));
    const staging = this.#staging;
    if (staging !== undefined && staging.byteLength >= needed) return staging;
    staging?.dispose();
    this.#staging = undefined;
    this.#staging = new PinnedMemory(this.#device, needed, 'staging');
    return this.#staging;
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#last.then(action);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

function pieces(length: number): readonly { readonly start: number; readonly end: number }[] {
  return Array.from({ length: Math.ceil(length / LARGEST_PIECE) }, (_, index) => ({
    start: index * LARGEST_PIECE,
    end: Math.min(length, (index + 1) * LARGEST_PIECE),
  }));
}
