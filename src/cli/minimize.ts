import { type Command, InvalidArgumentError } from 'commander';
import { BACKEND_IDS } from '../../backends/registry.ts';

export interface MinimizeCommandOptions {
  readonly backend?: (typeof BACKEND_IDS)[number];
  /** Command line of the user's kernel. */
  readonly run?: string;
  readonly wrongWay?: boolean;
  readonly same?: boolean;
  readonly values: boolean;
  readonly op?: string;
  /** Seconds for the whole search. */
  readonly budget: number;
  /** Seconds for one run of the command. */
  readonly timeout: number;
  readonly out?: string;
  readonly json?: boolean;
}

/** Adds `preshuffle minimize CASEFILE[:CASE]`. */
export function addMinimize(root: Command, setExit: (code: number) => void): void {
  root
    .command('minimize')
    .description('make a failing case small: the fewest tokens, experts and columns, and plain values, that still fail')
    .argument('<cases...>', 'golden file with a failing case, FILE or FILE:CASE (docs/golden-format.md)')
    .option('-b, --backend <id>', 'backend that fails (default: the first one on which the case fails)', backend)
    .option('--run <command>', 'command line of your kernel; {case} is the file that it reads, {out} the one it writes')
    .option('--wrong-way', 'run an incident case as it went wrong; needs no hardware')
    .option('--same', 'only calls with the same diagnosis count as failing')
    .option('--no-values', 'leave values as they are, make sizes small only')
    .option('--op <name>', 'op of the case, where it runs several')
    .option('--budget <seconds>', 'time for the search', seconds, 60)
    .option('--timeout <seconds>', 'time for one run of the command', seconds, 60)
    .option('--out <file>', 'where the small case goes (default: CASE.min.safetensors)')
    .option('--json', 'print one JSON object for each case')
    .addHelpText(
      'after',
      '\n--run hands its command to the shell. {case} and {out} are also in PRESHUFFLE_CASE and PRESHUFFLE_OUT.' +
        '\n\nExit codes: 0 written, 1 the case does not fail, 2 a bad argument, an unusable case or a command that fails,' +
        '\n3 the backend is not there.',
    )
    .action(async (cases: readonly string[], options: MinimizeCommandOptions) => {
      const { runMinimize } = await import('./minimize-run.ts');
      setExit(await runMinimize(cases, options));
    });
}

function backend(text: string): (typeof BACKEND_IDS)[number] {
  const found = BACKEND_IDS.find((id) => id === text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`"${text}" is unknown, expected ${BACKEND_IDS.join(', ')}.`);
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError(`"${text}" is not a time, expected seconds such as 60 or 0.5.`);
}
