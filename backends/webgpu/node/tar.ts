import { PreshuffleError } from '../../../src/errors.ts';

const BLOCK = 512;

/**
 * Regular files of a tar archive by name (ustar and GNU headers; nothing that needs extended headers).
 * @throws PreshuffleError when the archive ends inside an entry
 */
export function readTar(archive: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const text = new TextDecoder('latin1');
  const field = (start: number, length: number): string =>
    (text.decode(archive.subarray(start, start + length)).split('\0')[0] ?? '').trim();
  let at = 0;
  // The archive ends with blocks of zeros.
  while (at + BLOCK <= archive.length && archive[at] !== 0) {
    const name = field(at, 100);
    const size = Number.parseInt(field(at + 124, 12), 8);
    const type = field(at + 156, 1);
    const start = at + BLOCK;
    if (!Number.isInteger(size) || start + size > archive.length) {
      throw new PreshuffleError('tar', `entry "${name}" is damaged or cut off.`);
    }
    if (type === '' || type === '0') files.set(name.replace(/^\.\//, ''), archive.subarray(start, start + size));
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}
