import { type Command, InvalidArgumentError } from 'commander';

export interface DiagnoseCommandOptions {
  /** FILE or FILE:TENSOR. */
  readonly actual?: string;
  readonly expected?: string;
  readonly case?: string;
  readonly op?: string;
  /** Seconds. */
  readonly budget: number;
  readonly pairs: boolean;
  readonly json?: boolean;
  readonly markdown?: string;
  readonly html?: string;
  readonly junit?: string;
}

/** Adds `preshuffle diagnose CASE --actual FILE`. */
export function addDiagnose(root: Command, setExit: (code: number) => void): void {
  root
    .command('diagnose')
    .description('which known mistake explains the wrong output of a kernel, where it comes from and how to mend it')
    .argument('<case>', 'golden file with the operands and parameters of the call (docs/golden-format.md)')
    .option('--actual <file>', 'what the kernel returned: FILE or FILE:TENSOR, of safetensors, npy or raw bytes')
    .option('--expected <file>', "what it should have returned (default: the case's own output, else the reference)")
    .option('--case <name>', 'case of that file, where it has several')
    .option('--op <name>', 'op of that case, where it runs several')
    .option('--budget <seconds>', 'time for the search', seconds, 10)
    .option('--no-pairs', 'do not try two mistakes at once')
    .option('--json', 'print one JSON object (docs/diagnosis.schema.json)')
    .option('--markdown <file>', 'also write a report for a pull request')
    .option('--html <file>', 'also write a self-contained HTML report')
    .option('--junit <file>', 'also write a JUnit XML report')
    .addHelpText(
      'after',
      '\nExit codes: 0 the output is right, 1 it is wrong, explained or not, 2 a bad argument or an unusable file.',
    )
    .action(async (file: string, options: DiagnoseCommandOptions) => {
      const { runDiagnose } = await import('./diagnose-run.ts');
      setExit(await runDiagnose(file, options));
    });
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError(`"${text}" is not a time, expected seconds such as 10 or 0.5.`);
}
