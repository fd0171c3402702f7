import { HipHandleError } from './errors.ts';

declare const kindOf: unique symbol;

export type HandleKind =
  | 'buffer'
  | 'pinned memory'
  | 'stream'
  | 'event'
  | 'module'
  | 'function'
  | 'graph'
  | 'graph run';

/**
 * A native pointer of one kind. koffi takes any number for any pointer and the process dies of a wrong one, so the kinds
 * are types of their own and only a Handle gives one out.
 */
export type Address<K extends HandleKind> = bigint & { readonly [kindOf]: K };

interface HandleRecord {
  readonly kind: HandleKind;
  readonly address: bigint;
  readonly label: string;
  readonly registry: HandleRegistry;
  readonly release: () => void;
  /** Memory of ours that the native object may still read. */
  readonly keep: unknown;
  live: boolean;
}

/** A native object of one device. Gives its address only to that device, and only while it lives. */
export class Handle<K extends HandleKind> {
  readonly kind: K;
  readonly label: string;
  readonly #record: HandleRecord;

  constructor(kind: K, record: HandleRecord) {
    this.kind = kind;
    this.label = record.label;
    this.#record = record;
  }

  /** Whether it was not disposed. */
  get live(): boolean {
    return this.#record.live;
  }

  /**
   * The native pointer.
   * @throws HipHandleError when it was disposed or belongs to another device
   */
  on(registry: HandleRegistry): Address<K> {
    const { kind, label, address, live } = this.#record;
    if (this.#record.registry !== registry) {
      throw new HipHandleError(
        `${kind} "${label}" belongs to ${this.#record.registry.owner}, and was given to ${registry.owner}. ` +
          'Make it on the device that uses it.',
      );
    }
    if (!live) {
      throw new HipHandleError(`${kind} "${label}" was disposed. Make a new one, or dispose it later.`);
    }
    return address as Address<K>;
  }

  /** Frees the native object. @throws HipHandleError the second time, or on another device */
  dispose(registry: HandleRegistry): void {
    this.on(registry);
    registry.release(this.#record);
  }
}

/** Every native object of one opened device. */
export class HandleRegistry {
  /** Names the device in errors. */
  readonly owner: string;
  readonly #records = new Set<HandleRecord>();
  readonly #leaks: FinalizationRegistry<HandleRecord>;

  /** @param warn told of handles that were collected as garbage before they were disposed */
  constructor(owner: string, warn: (message: string) => void) {
    this.owner = owner;
    this.#leaks = new FinalizationRegistry((record) => {
      if (!record.live) return;
      warn(`${record.kind} "${record.label}" on ${owner} was never disposed; it is freed now.`);
      // A finalizer has nobody to throw to.
      try {
        this.release(record);
      } catch (error) {
        warn(String(error));
      }
    });
  }

  /**
   * @param release frees the native object; must not keep the Handle alive
   * @param keep what must not be collected while the native object lives
   */
  add<K extends HandleKind>(
    kind: K,
    address: Address<K>,
    label: string,
    release: () => void,
    keep?: unknown,
  ): Handle<K> {
    const record: HandleRecord = { kind, address, label, registry: this, release, keep, live: true };
    const handle = new Handle(kind, record);
    this.#records.add(record);
    this.#leaks.register(handle, record);
    return handle;
  }

  /** Number of native objects that are alive. */
  get size(): number {
    return this.#records.size;
  }

  release(record: HandleRecord): void {
    if (!record.live) return;
    // First: an object whose end failed is not to be used either.
    record.live = false;
    this.#records.delete(record);
    record.release();
  }

  /** Ends everything, newest first, since later objects may use earlier ones. Returns the errors. */
  releaseAll(): readonly unknown[] {
    const errors: unknown[] = [];
    for (const record of [...this.#records].reverse()) {
      try {
        this.release(record);
      } catch (error) {
        errors.push(error);
      }
    }
    return errors;
  }
}
