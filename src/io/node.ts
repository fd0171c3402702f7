import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { readSafetensors, type SafetensorsFile } from './safetensors-read.ts';
import type { ByteSource } from './source.ts';

/** A file on disk that must be closed. */
export interface FileSource extends ByteSource {
  close(): Promise<void>;
}

/** Opens a file for ranged reads. */
export async function fileSource(file: string): Promise<FileSource> {
  const handle = await open(file, 'r');
  const { size } = await handle.stat();
  return {
    name: file,
    size,
    async read(begin, end) {
      const bytes = new Uint8Array(end - begin);
      for (let done = 0; done < bytes.length; ) {
        const { bytesRead } = await handle.read(bytes, done, bytes.length - done, begin + done);
        if (bytesRead === 0)
          throw new Error(`${file}: ends at byte ${begin + done}, expected ${size} bytes; it shrank while it was read`);
        done += bytesRead;
      }
      return bytes;
    },
    close: () => handle.close(),
  };
}

/** Opens a safetensors file by path. Close it when done. */
export async function openSafetensors(file: string): Promise<SafetensorsFile & { close(): Promise<void> }> {
  const source = await fileSource(file);
  try {
    return { ...(await readSafetensors(source)), close: () => source.close() };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/**
 * Writes a file so that its path always holds the old or the new content, never half of it: to a temporary name beside it,
 * flushed, then renamed. The temporary file is removed when anything fails.
 */
export async function writeFileAtomic(
  file: string,
  content: Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${randomUUID()}.tmp`);
  try {
    const handle = await open(temporary, 'wx');
    try {
      for await (const chunk of content instanceof Uint8Array ? [content] : content) await handle.write(chunk);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
