#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { PreshuffleError } from '../errors.ts';
import { LayoutMismatchError } from '../tensor/errors.ts';
import { addCompare } from './compare.ts';
import { devices } from './devices.ts';
import { addDiagnose } from './diagnose.ts';
import { EXIT } from './exit-codes.ts';
import { addExplain } from './explain/command.ts';
import { addIdentify } from './identify-command.ts';
import { InputError } from './inputs.ts';
import { addMinimize } from './minimize.ts';
import { addProbe } from './probe.ts';
import type { TuneCommandOptions } from './tune.ts';
import { type VerifyOptions, verify } from './verify.ts';
import { version } from './version.ts';
import type { VisualizeOptions } from './visualize.ts';

const DEFAULT_GOLDEN = 'test/golden';

function program(setExit: (code: number) => void): Command {
  const root = new Command('preshuffle')
    .description('What layout are these bytes in, which kernel reads them, and does the answer come out right?')
    .version(version(), '-V, --version')
    .showSuggestionAfterError(true)
    .showHelpAfterError('(see preshuffle --help)')
    .exitOverride();

  root
    .command('verify')
    .description('run golden cases on backends and compare every output')
    .argument('[paths...]', `directories of golden .safetensors files, or such files (default: ${DEFAULT_GOLDEN})`)
    .option('-b, --backend <ids>', 'cpu, webgpu, hip, separated by commas (default: all that this machine has)')
    .option('--op <names>', 'only cases of these ops, separated by commas')
    .option('--json', 'print one JSON object for each backend asked for')
    .option('--junit <file>', 'also write a JUnit XML report')
    .option('--html <file>', 'also write a self-contained HTML report')
    .option('--markdown <file>', 'also write a report for a pull request')
    .option('--no-diagnose', 'do not look for the mistake behind wrong outputs')
    .option('-v, --verbose', 'list every skipped case')
    .option('--wrong-way', 'run only incident cases, each as it went wrong: all must fail, and say where')
    .addHelpText(
      'after',
      '\nExit codes: 0 all held, 1 a mismatch, 2 a bad argument or an unusable case, 3 a requested backend is not there.',
    )
    .action(async (paths: readonly string[], options: VerifyOptions) => {
      setExit(await verify(paths.length > 0 ? paths : defaultPaths(), options));
    });

  root
    .command('devices')
    .description('list the backends of this machine: what was found, what was tried, what is missing')
    .option('--json', 'print an array of objects')
    .action(async (options: { readonly json?: boolean }) => setExit(await devices(options)));

  root
    .command('tune')
    .description('measure the tiles of the FP8 multiplication on this AMD GPU, and write the fastest')
    .option('--model <name>', 'the shapes of a model, such as glm-5.1')
    .option('--n <rows>', 'rows of the weight', positive)
    .option('--k <columns>', 'columns of the weight', positive)
    .option(
      '--m <tokens>',
      'tokens, separated by commas',
      (list: string) => list.split(',').map(positive),
      [1, 16, 64, 256, 1024, 4096],
    )
    .option('--rounds <count>', 'measurements of each candidate', positive, 9)
    .option('--out <file>', 'where the choices go', 'preshuffle-hip-tiles.json')
    .addOption(new Option('--emulated', 'write what the CPU runtime of the tests gave').hideHelp())
    .action(async (options: TuneCommandOptions) => {
      const { tune } = await import('./tune.ts');
      setExit(await tune(options));
    });

  root
    .command('visualize')
    .description('open the layout visualizer in a browser; everything stays on this machine')
    .argument('[what]', 'a safetensors or npy file, a report of verify --json, or a permalink')
    .option('--port <number>', 'port of the local server; 0 takes a free one', port, 0)
    .option('--host <address>', 'address to listen on (default: 127.0.0.1, this machine only)')
    .option('--no-open', 'only print the address')
    .option('--out <folder>', 'write the page into a folder, for any static host, and stop')
    .action(async (what: string | undefined, options: VisualizeOptions) => {
      const { visualize } = await import('./visualize.ts');
      // The page lies beside this program; modules that are loaded later lie in a folder of their own.
      setExit(await visualize(fileURLToPath(new URL('visualizer', import.meta.url)), what, options));
    });

  addCompare(root, setExit);
  addDiagnose(root, setExit);
  addExplain(root, setExit);
  addIdentify(root, setExit);
  addMinimize(root, setExit);
  addProbe(root, setExit);
  return root;
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError(`"${text}" is not a positive integer.`);
}

function port(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value < 65536) return value;
  throw new InvalidArgumentError(`"${text}" is not a port, expected 0 to 65535.`);
}

function defaultPaths(): readonly string[] {
  if (existsSync(DEFAULT_GOLDEN)) return [DEFAULT_GOLDEN];
  throw new InputError(
    `no path was given and "${DEFAULT_GOLDEN}" does not exist here. Name a directory of golden files.`,
  );
}

async function main(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  try {
    await program((value) => {
      code = value;
    }).parseAsync([...argv]);
    return code;
  } catch (error) {
    // commander has printed its own message; --help and --version end this way with code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!(error instanceof PreshuffleError)) throw error;
    process.stderr.write(`preshuffle: ${error.message}\n`);
    // The argument was fine; what it describes would be misread.
    return error instanceof LayoutMismatchError ? EXIT.mismatch : EXIT.usage;
  }
}

process.exitCode = await main(process.argv);
