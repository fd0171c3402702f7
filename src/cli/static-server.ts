import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import sirv from 'sirv';
import { InputError } from './inputs.ts';

export interface StaticServer {
  /** `http://127.0.0.1:PORT/`. */
  readonly url: string;
  close(): Promise<void>;
}

export interface ServeOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** Default 127.0.0.1: only this machine. */
  readonly host?: string | undefined;
  /** One more file, served as `/opened/NAME`, in ranges. */
  readonly file?: string | undefined;
}

/**
 * Serves a folder of static files over HTTP, for reading only.
 * @throws InputError when the port is taken or may not be used
 */
export async function serveFolder(folder: string, options: ServeOptions): Promise<StaticServer> {
  const { port, host = '127.0.0.1', file } = options;
  // Files are small and change with every build of the package: a browser must ask each time.
  const serve = sirv(folder, { etag: true, dev: true });
  const opened = file === undefined ? undefined : openedFile(file);
  const server = createServer((request, response) => {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Referrer-Policy', 'no-referrer');
    if (isLoopback(host) && !isLocalRequest(request))
      return end(response, 403, 'This server answers to localhost only.');
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return end(response, 405, `${request.method} is not allowed; the files can only be read.`);
    const missing = (): void => end(response, 404, `There is no ${request.url}.`);
    return opened?.(request, response, missing) ?? serve(request, response, missing);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new InputError(listenProblem(error, host, port))));
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  const shown = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `http://${shown}:${address.port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The address, inside the page, of a file that is served beside it. */
export function openedPath(file: string): string {
  return `opened/${path.basename(file)}`;
}

/** Answers requests for the one file; undefined for others. */
function openedFile(
  file: string,
): (request: IncomingMessage, response: ServerResponse, missing: () => void) => true | undefined {
  const wanted = `/${openedPath(file)}`;
  const serve = sirv(path.dirname(path.resolve(file)), { dev: true, dotfiles: true });
  return (request, response, missing) => {
    const asked = decodeURI((request.url ?? '').replace(/\?.*$/, ''));
    if (asked !== wanted) return undefined;
    request.url = encodeURI(`/${path.basename(file)}`);
    serve(request, response, missing);
    return true;
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

/** A page elsewhere whose name was pointed at this machine must not read what is served here. */
function isLocalRequest({ headers }: IncomingMessage): boolean {
  return isLoopback((headers.host ?? '').replace(/:\d+$/, '').replace(/^\[|\]$/g, ''));
}

function end(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}

function listenProblem(error: NodeJS.ErrnoException, host: string, port: number): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `port ${port} of ${host} is in use; give another with --port, or --port 0 for any free one.`;
    case 'EACCES':
      return `port ${port} of ${host} may not be used by this account; give one above 1023 with --port.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `host ${host} is no address of this machine; leave --host out for 127.0.0.1.`;
    default:
      return `cannot listen on ${host}:${port}: ${error.message}.`;
  }
}
