/**
 * Tensor files: strict safetensors reading and writing with ranged access, sharded checkpoints, npy. Runs in Node and in browsers;
 * under Node, `preshuffle/io` also gives the functions that take paths.
 *
 * @example
 * ```ts
 * import { blobSource, readSafetensors } from 'preshuffle/io';
 * const file = await readSafetensors(blobSource(droppedFile));
 * const { dtype, shape, bytes } = await file.read('model.layers.0.mlp.gate.weight');
 * ```
 */
export { type NpyArray, type NpyDtype, NpyError, parseNpy, writeNpy } from './npy.ts';
export {
  dtypeBits,
  dtypeElement,
  elementDtype,
  isSafetensorsDtype,
  SAFETENSORS_DTYPES,
  type SafetensorsDtype,
} from './safetensors-dtypes.ts';
export { SafetensorsError } from './safetensors-error.ts';
export { MAX_HEADER_BYTES, type TensorEntry } from './safetensors-header.ts';
export {
  type ParsedSafetensors,
  parseSafetensors,
  type RawTensor,
  readSafetensors,
  type SafetensorsFile,
} from './safetensors-read.ts';
export { safetensorsChunks, type TensorToWrite, writeSafetensors } from './safetensors-write.ts';
export { openSharded, type ShardedSafetensors } from './sharded.ts';
export { type ByteSource, blobSource, memorySource } from './source.ts';
export { HttpSourceError, urlSource } from './url-source.ts';
