/** `preshuffle/io` under Node: everything that runs in browsers, and the functions that take paths. */
export * from './index.ts';
export { type FileSource, fileSource, openSafetensors, writeFileAtomic } from './node.ts';
