import type { ByteSource } from '../../io/index.ts';
import { TensorFileError } from './tensor-file.ts';

/**
 * A file on the page's own server, read in ranges.
 * @param address relative to the page: `opened/dump.safetensors`
 * @throws TensorFileError when the server does not have it, or does not serve ranges
 */
export async function servedSource(address: string): Promise<ByteSource> {
  const name = address.replace(/^.*\//, '');
  const fail = (what: string): TensorFileError =>
    new TensorFileError(name, `${what}. Start \`preshuffle visualize ${name}\` again, or drop the file on this page.`);
  const ask = async (range: string): Promise<Response> => {
    try {
      return await fetch(encodeURI(address), { headers: { Range: range } });
    } catch {
      throw fail('the server that offered it does not answer');
    }
  };
  const first = await ask('bytes=0-0');
  // An empty file has no range at all.
  if (first.status === 416) return { name, size: 0, read: async () => new Uint8Array(0) };
  if (!first.ok) throw fail(`the server answers ${first.status}`);
  const size = Number(/\/(\d+)$/.exec(first.headers.get('Content-Range') ?? '')?.[1]);
  if (first.status !== 206 || !Number.isSafeInteger(size)) throw fail('the server does not serve parts of files');
  return {
    name,
    size,
    async read(begin, end) {
      if (end <= begin) return new Uint8Array(0);
      const part = await ask(`bytes=${begin}-${end - 1}`);
      if (part.status !== 206) throw fail(`the server answers ${part.status} for bytes ${begin} to ${end - 1}`);
      return new Uint8Array(await part.arrayBuffer());
    },
  };
}
