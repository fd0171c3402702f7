import type { LibraryHandle } from 'koffi';
import { HipError, HipSymbolError } from './errors.ts';
import { type HipFunction, type HipFunctions, type Out, PROTOTYPES } from './prototypes.ts';

type Arguments<F extends HipFunction> = Parameters<HipFunctions[F]>;
type WithoutOut<A extends readonly unknown[]> = A extends [Out<infer _>, ...infer Rest] ? Rest : never;
type FirstOut<A extends readonly unknown[]> = A extends [Out<infer T>, ...infer _] ? T : never;

/**
 * The functions of one runtime library. Each is looked up when it is first called, so that a library without a function that
 * is not needed can be used.
 */
export class HipFfi {
  /** Path or soname, for errors. */
  readonly library: string;
  readonly #handle: LibraryHandle;
  readonly #functions = new Map<HipFunction, HipFunctions[HipFunction]>();
  #errorName: ((status: number) => string) | undefined;

  constructor(library: string, handle: LibraryHandle) {
    this.library = library;
    this.#handle = handle;
  }

  /**
   * The native function itself, for calls whose status is a normal answer and for the launch path.
   * @throws HipSymbolError when the library has none of that name
   */
  raw<F extends HipFunction>(name: F): HipFunctions[F] {
    const known = this.#functions.get(name);
    if (known !== undefined) return known as HipFunctions[F];
    try {
      const found = this.#handle.func(PROTOTYPES[name]) as unknown as HipFunctions[F];
      this.#functions.set(name, found);
      return found;
    } catch (cause) {
      throw new HipSymbolError(this.library, name, cause instanceof Error ? cause.message : String(cause));
    }
  }

  /** Whether the library has a function. */
  has(name: HipFunction): boolean {
    try {
      this.raw(name);
      return true;
    } catch {
      return false;
    }
  }

  /** Calls a function. @throws HipError when its status is not success; `context` says what it was about */
  call<F extends HipFunction>(name: F, args: Arguments<F>, context?: string): void {
    const callable = this.raw(name) as (...args: unknown[]) => number;
    this.require(name, callable(...args), context);
  }

  /** Calls a function whose first parameter receives the result. @throws HipError */
  result<F extends HipFunction>(
    name: F,
    args: WithoutOut<Arguments<F>>,
    context?: string,
  ): NonNullable<FirstOut<Arguments<F>>> {
    const out: [unknown] = [null];
    const callable = this.raw(name) as (...args: unknown[]) => number;
    this.require(name, callable(out, ...(args as readonly unknown[])), context);
    return out[0] as NonNullable<FirstOut<Arguments<F>>>;
  }

  /** @throws HipError when a status is not success */
  require(name: HipFunction, status: number, context?: string): void {
    if (status !== 0) throw new HipError(name, status, this.errorName(status), context);
  }

  errorName(status: number): string {
    try {
      this.#errorName ??= this.#handle.func('const char *hipGetErrorName(int)') as (status: number) => string;
      return this.#errorName(status);
    } catch {
      return 'unknown error';
    }
  }
}
