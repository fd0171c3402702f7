import { SafetensorsError } from './safetensors-error.ts';
import { type RawTensor, readSafetensors, type SafetensorsFile } from './safetensors-read.ts';
import type { ByteSource } from './source.ts';

/** A checkpoint in several files, seen as one. */
export interface ShardedSafetensors {
  readonly name: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Shard of each tensor. */
  readonly shards: ReadonlyMap<string, SafetensorsFile>;
  /** Set when the index's total_size differs from what the shards hold. */
  readonly warnings: readonly string[];
  read(name: string): Promise<RawTensor>;
}

/**
 * Opens a checkpoint by its `model.safetensors.index.json`.
 * @param index text of the index
 * @param openShard opens a shard by the file name that the index gives
 * @throws SafetensorsError when the index is malformed, a shard lacks a tensor, or a tensor is in two shards
 */
export async function openSharded(
  name: string,
  index: string,
  openShard: (file: string) => Promise<ByteSource>,
): Promise<ShardedSafetensors> {
  const { weightMap, metadata } = parseIndex(name, index);
  const files = [...new Set(weightMap.values())].sort();
  const opened = new Map<string, SafetensorsFile>();
  for (const file of files) {
    try {
      opened.set(file, await readSafetensors(await openShard(file)));
    } catch (cause) {
      throw new SafetensorsError(name, `shard "${file}" cannot be opened: ${(cause as Error).message}`, { cause });
    }
  }
  const shards = new Map<string, SafetensorsFile>();
  for (const [tensor, file] of weightMap) {
    const shard = opened.get(file) as SafetensorsFile;
    if (!shard.tensors.has(tensor))
      throw new SafetensorsError(name, `maps tensor "${tensor}" to shard "${file}", which does not have it.`);
    shards.set(tensor, shard);
  }
  for (const [file, shard] of opened) {
    for (const tensor of shard.tensors.keys()) {
      const home = weightMap.get(tensor);
      if (home === undefined)
        throw new SafetensorsError(name, `does not map tensor "${tensor}" of shard "${file}"; it would be lost.`);
      if (home !== file)
        throw new SafetensorsError(
          name,
          `maps tensor "${tensor}" to shard "${home}", but shard "${file}" has one of that name too.`,
        );
    }
  }
  return {
    name,
    metadata,
    shards,
    warnings: sizeWarnings(metadata, opened),
    read: (tensor) => shardOf(name, shards, tensor).read(tensor),
  };
}

function shardOf(name: string, shards: ReadonlyMap<string, SafetensorsFile>, tensor: string): SafetensorsFile {
  const shard = shards.get(tensor);
  if (shard === undefined) throw new SafetensorsError(name, `has no tensor "${tensor}" among its ${shards.size}.`);
  return shard;
}

function parseIndex(
  name: string,
  text: string,
): { weightMap: ReadonlyMap<string, string>; metadata: Readonly<Record<string, unknown>> } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SafetensorsError(name, `is not JSON: ${(cause as Error).message}.`, { cause });
  }
  const record = (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  const { weight_map: map, metadata = {} } = record;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw new SafetensorsError(name, 'has no "weight_map" object from tensor names to shard files.');
  }
  const weightMap = new Map<string, string>();
  for (const [tensor, file] of Object.entries(map)) {
    if (typeof file !== 'string' || file === '' || file.includes('/') || file.includes('\\')) {
      throw new SafetensorsError(
        name,
        `maps tensor "${tensor}" to ${JSON.stringify(file)}, expected the name of a file beside the index.`,
      );
    }
    weightMap.set(tensor, file);
  }
  return { weightMap, metadata: metadata as Readonly<Record<string, unknown>> };
}

function sizeWarnings(
  metadata: Readonly<Record<string, unknown>>,
  opened: ReadonlyMap<string, SafetensorsFile>,
): readonly string[] {
  const declared = metadata['total_size'];
  if (typeof declared !== 'number') return [];
  let found = 0;
  for (const { tensors } of opened.values()) for (const { begin, end } of tensors.values()) found += end - begin;
  return found === declared
    ? []
    : [`the index declares total_size ${declared}, but its shards hold ${found} bytes of tensors.`];
}
