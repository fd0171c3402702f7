import { type Command, InvalidArgumentError } from 'commander';

export interface ProbeCommandOptions {
  readonly sizes?: Readonly<Record<string, number>>;
  readonly data?: string;
  readonly seed?: number;
  readonly params?: object;
  readonly layout?: string;
  readonly scales?: string;
  readonly format?: string;
  readonly type?: string;
  readonly start?: number;
  readonly second?: boolean;
  readonly bias: boolean;
  readonly residual: boolean;
  readonly poison: boolean;
  readonly name?: string;
  readonly out?: string;
  readonly snippet?: string;
  readonly json?: boolean;
}

/** Adds `preshuffle probe [OP]`. */
export function addProbe(root: Command, setExit: (code: number) => void): void {
  root
    .command('probe')
    .description('write inputs that cannot hide a mistake, the right outputs, and a torch script that runs your kernel')
    .argument('[op]', 'the op that your kernel computes; without it, all ops with their sizes and choices')
    .option('--sizes <list>', 'sizes to change, such as m=128,n=512,k=896', sizes)
    .option('--data <kind>', 'address-coded, random or one-hot (default: address-coded)')
    .option('--seed <number>', 'another seed, other bytes (default: 1)', count)
    .option('--params <json>', 'parameters of the op, such as \'{"out": "f16"}\'', json)
    .option('--layout <name>', 'expert weights: plain, checkpoint, separated or interleave (default: separated)')
    .option('--scales <kind>', 'of fp8_gemm_nt: f32 or packed (default: f32)')
    .option('--format <name>', 'of fp8 operands: e4m3fn or e4m3fnuz (default: e4m3fn)')
    .option('--type <name>', 'of the input of a quantiser, a norm or a router: bf16, f16 or f32')
    .option('--start <column>', 'column that the first one-hot row picks (default: 0)', count)
    .option('--second', 'with the second input of fused_rms_fp8_group_quant')
    .option('--no-bias', 'without biases of expert weights')
    .option('--no-residual', 'without the residual of a norm')
    .option('--no-poison', 'zeros and scales of 1 in padding, for kernels that may read it')
    .option('--name <name>', 'name of the case (default: the op)')
    .option('--out <file>', 'the golden file to write (default: OP.safetensors)')
    .option('--snippet <file>', 'also write a torch script that loads it, runs your kernel and saves what came out')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExit codes: 0 written, 2 a bad argument, or sizes and parameters that the op does not take.',
    )
    .action(async (op: string | undefined, options: ProbeCommandOptions) => {
      const { runProbe } = await import('./probe-run.ts');
      setExit(await runProbe(op, options));
    });
}

function sizes(text: string): Readonly<Record<string, number>> {
  const pairs = text.split(',').map((pair) => /^\s*([A-Za-z]\w*)\s*=\s*([1-9]\d*)\s*$/.exec(pair));
  if (pairs.every((pair) => pair !== null))
    return Object.fromEntries(pairs.map(([, name, size]) => [name, Number(size)]));
  throw new InvalidArgumentError(`"${text}" is not a list of sizes, expected such as m=128,n=512,k=896.`);
}

function count(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`"${text}" is not a number of at least 0.`);
}

function json(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new InvalidArgumentError(`it is not JSON: ${(cause as Error).message}.`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new InvalidArgumentError('it is no JSON object, expected such as {"out": "f16"}.');
}
