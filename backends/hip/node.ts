/** The Node modules and the foreign-function package behind the HIP backend. */
export interface NodeModules {
  readonly childProcess: typeof import('node:child_process');
  readonly crypto: typeof import('node:crypto');
  readonly fs: typeof import('node:fs');
  readonly module: typeof import('node:module');
  readonly os: typeof import('node:os');
  readonly path: typeof import('node:path');
  readonly url: typeof import('node:url');
}

export type Koffi = typeof import('koffi');

let loaded: Promise<NodeModules> | undefined;

/**
 * Imports them when first needed. The names are computed: this code lies in bundles for browsers, never runs there, and
 * their bundlers must not try to resolve it.
 */
export function nodeModules(): Promise<NodeModules> {
  loaded ??= Promise.all(
    ['child_process', 'crypto', 'fs', 'module', 'os', 'path', 'url'].map((name) => importByName(`node:${name}`)),
  ).then(([childProcess, crypto, fs, module, os, path, url]) => {
    return { childProcess, crypto, fs, module, os, path, url } as unknown as NodeModules;
  });
  return loaded;
}

/** Imports a package whose absence is not an error for bundlers. */
export function importByName(name: string): Promise<unknown> {
  return import(/* @vite-ignore */ name);
}

/** Whether this is Node at all. */
export function isNode(): boolean {
  return globalThis.process?.versions?.node !== undefined;
}

/**
 * Loads koffi, the optional dependency that calls native libraries.
 * @throws Error saying how to install it
 */
export async function loadKoffi(load: () => Promise<unknown> = () => importByName('koffi')): Promise<Koffi> {
  try {
    const module = (await load()) as { readonly default?: Koffi } & Koffi;
    return module.default ?? module;
  } catch (cause) {
    const [reason] = String(cause instanceof Error ? cause.message : cause).split('\n');
    throw new Error(
      `the npm package koffi, which calls native libraries, could not be loaded (${reason}). It is an optional ` +
        'dependency: install it with "npm install koffi".',
      { cause },
    );
  }
}
