import { PreshuffleError } from '../errors.ts';
import type { ByteSource } from './source.ts';

/** A server does not give a file, or gives something else than was asked for. */
export class HttpSourceError extends PreshuffleError {
  constructor(url: string, message: string) {
    super('http-source', `${url}: ${message}`);
  }
}

/**
 * A file on a web server, read range by range: of a checkpoint of many gigabytes only the tensors that are asked for travel.
 * @throws HttpSourceError when the server does not have the file, does not say its length, or does not serve ranges
 */
export async function urlSource(url: string, name: string = url.replace(/^.*\//, '')): Promise<ByteSource> {
  const head = await ask(url, { method: 'HEAD' });
  const length = head.headers.get('content-length');
  if (!head.ok) throw new HttpSourceError(url, `the server answers ${head.status} ${head.statusText}.`);
  if (length === null) throw new HttpSourceError(url, 'the server does not say how long the file is.');
  const size = Number(length);
  return {
    name,
    size,
    async read(begin, end) {
      if (end <= begin) return new Uint8Array(0);
      const answer = await ask(url, { headers: { Range: `bytes=${begin}-${end - 1}` } });
      if (answer.status !== 206 && !(answer.status === 200 && begin === 0 && end === size)) {
        await answer.body?.cancel();
        throw new HttpSourceError(
          url,
          `bytes ${begin} to ${end - 1} were asked for, the server answers ${answer.status} ${answer.statusText}; it must serve ranges.`,
        );
      }
      const bytes = new Uint8Array(await answer.arrayBuffer());
      if (bytes.length !== end - begin) {
        throw new HttpSourceError(
          url,
          `bytes ${begin} to ${end - 1} were asked for, ${bytes.length} came; it changed while it was read.`,
        );
      }
      return bytes;
    },
  };
}

async function ask(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    throw new HttpSourceError(url, `cannot be reached (${(error as Error).message}).`);
  }
}
