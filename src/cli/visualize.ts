import { cpSync, existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { EXIT } from './exit-codes.ts';
import { InputError } from './inputs.ts';
import { openedPath, serveFolder } from './static-server.ts';

export interface VisualizeOptions {
  readonly port: number;
  readonly host?: string;
  /** Open the page in the default browser. */
  readonly open: boolean;
  /** Write the page here instead of serving it. */
  readonly out?: string;
}

/**
 * `preshuffle visualize`: serves the layout visualizer until interrupted, or writes it as a folder. Returns the exit code.
 * @param page folder of the built page
 * @param what a tensor file, a report of `verify --json`, or a permalink
 */
export async function visualize(page: string, what: string | undefined, options: VisualizeOptions): Promise<number> {
  if (!existsSync(path.join(page, 'index.html')))
    throw new InputError(`${page} has no page; build the package again with \`npm run build\`.`);
  if (options.out !== undefined) {
    writePage(page, options.out);
    process.stdout.write(`The visualizer is in ${options.out}: any static host can serve it.\n`);
    return EXIT.ok;
  }
  const file = what !== undefined && existsSync(what) ? what : undefined;
  const hash = file !== undefined ? hashOfFile(file) : what === undefined ? '' : hashOf(what);
  const server = await serveFolder(page, { ...options, file });
  process.stdout.write(`${server.url}${hash}\nServing until Ctrl+C.\n`);
  if (options.open) await openBrowser(`${server.url}${hash}`);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  await server.close();
  return EXIT.ok;
}

/** A permalink with or without the address before it. */
function hashOf(link: string): string {
  const at = link.indexOf('#');
  if (at !== -1) return link.slice(at);
  if (/^\w+=/.test(link)) return `#${link}`;
  throw new InputError(
    `"${link}" is neither a file here nor a permalink; expected such as dump.safetensors or "#v=1&screen=lens&a=shuffle_scale".`,
  );
}

/** Reports open in the Golden screen, everything else as tensors. */
function hashOfFile(file: string): string {
  if (!statSync(file).isFile()) throw new InputError(`${file} is a folder; name one file in it.`);
  const screen = path.extname(file) === '.json' ? 'golden' : 'tensor';
  return `#v=1&screen=${screen}&file=${encodeURI(openedPath(file)).replaceAll('#', '%23').replaceAll('&', '%26')}`;
}

/** Nothing of what lies there is overwritten: the folder must be new or empty. */
function writePage(page: string, out: string): void {
  if (existsSync(out) && readdirSync(out).length > 0)
    throw new InputError(`${out} is not empty; name a folder that does not exist yet.`);
  cpSync(page, out, { recursive: true });
}

async function openBrowser(url: string): Promise<void> {
  const { default: open } = await import('open');
  try {
    await open(url);
  } catch (error) {
    process.stderr.write(`preshuffle: no browser could be opened (${String(error)}); open the address above.\n`);
  }
}
