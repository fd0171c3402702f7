import { transformSync } from 'esbuild';
import * as library from '../../../../src/layout/index.ts';

/** Runs generated code against the sources of the library; another import than `preshuffle/layout` fails. */
export function runProgram<Exports>(source: string): Exports & { readonly printed: readonly (readonly unknown[])[] } {
  const { code } = transformSync(source, { loader: 'ts', format: 'cjs' });
  const module = { exports: {} };
  const printed: unknown[][] = [];
  const require = (name: string): unknown => {
    if (name !== 'preshuffle/layout') throw new Error(`import of ${name}`);
    return library;
  };
  const log = { log: (...values: unknown[]): number => printed.push(values) };
  new Function('require', 'module', 'exports', 'console', code)(require, module, module.exports, log);
  return { ...(module.exports as Exports), printed };
}
