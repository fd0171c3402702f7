/** The Node modules that the WebGPU backend uses, by their name without `node:`. */
interface BuiltinModules {
  readonly fs: typeof import('node:fs');
  readonly module: typeof import('node:module');
  readonly os: typeof import('node:os');
  readonly path: typeof import('node:path');
  readonly zlib: typeof import('node:zlib');
}

/**
 * Imports a Node module. The name is computed, so that a bundler for browsers does not try to resolve it: this code is in
 * their bundles and never runs.
 */
export function builtin<N extends keyof BuiltinModules>(name: N): Promise<BuiltinModules[N]> {
  return importByName(`node:${name}`) as Promise<BuiltinModules[N]>;
}

/** Imports an npm package whose absence is not an error for bundlers. */
export function importByName(name: string): Promise<unknown> {
  return import(/* @vite-ignore */ name);
}
