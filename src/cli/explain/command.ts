import { type Command, InvalidArgumentError, Option } from 'commander';
import { ARCH_NAMES } from '../../dispatch/arch.ts';
import { BLOCK_SCALE_KERNEL_IDS, SCALE_STATES } from '../../dispatch/kernels.ts';
import { LINEAR_PRODUCERS } from '../../dispatch/linear-spec.ts';
import { MODEL_NAMES } from '../../dispatch/models.ts';
import { GEMM_BACKENDS } from '../../dispatch/rules/gemm-backend.ts';
import { VERSIONS } from '../../dispatch/versions.ts';
import { type DecisionOptions, explainDecision } from './decision.ts';
import { explainLinear, type LinearOptions } from './linear.ts';
import { addMoe } from './moe-command.ts';
import { count } from './numbers.ts';
import { explainScale, type ScaleOptions } from './scale.ts';

/** Adds `preshuffle explain …` to the program. */
export function addExplain(root: Command, setExit: (code: number) => void): void {
  const explain = root
    .command('explain')
    .description('which kernel runs, why, in which layouts, and what is converted where');

  explain
    .command('linear')
    .description('an fp8 linear layer, or all layers of a model: decisions, reasons, and the plan with its bytes')
    .option('--m <tokens>', 'tokens', count)
    .option('--n <rows>', 'rows of the weight on this rank', count)
    .option('--k <columns>', 'columns of the weight on this rank', count)
    .requiredOption('--arch <name>', ARCH_NAMES.join(', '))
    .option('--rocm <version>', 'e.g. 7.2; needed on AMD')
    .option('--rules <name>', `state of the source: ${VERSIONS.map(({ id }) => id).join(', ')}`, 'current')
    .option('--compare <names>', 'two states of the source, separated by a comma: what changed')
    .addOption(new Option('--model <name>', 'shapes of a model').choices(MODEL_NAMES))
    .option('--tp <ranks>', 'tensor parallel ranks of the model', count)
    .option('--layer <name>', 'only this layer of the model')
    .addOption(new Option('--scheme <name>', 'block scales or one a channel').choices(['block', 'per-channel']))
    .addOption(new Option('--dtype <name>', 'type of activations').choices(['bf16', 'f16']))
    .addOption(new Option('--producer <name>', 'who quantises the input').choices(LINEAR_PRODUCERS))
    .addOption(new Option('--scale <state>', 'state in which the scale arrives').choices(SCALE_STATES).argParser(upper))
    .addOption(
      new Option('--conversion <mode>', 'what happens to a scale in the wrong state').choices([
        'mend',
        'upstream',
        'none',
      ]),
    )
    .addOption(new Option('--kernel <id>', 'pin the kernel').choices(BLOCK_SCALE_KERNEL_IDS))
    .addOption(new Option('--backend <name>', '--fp8-gemm-backend of SGLang').choices(['auto', ...GEMM_BACKENDS]))
    .option('--residual', 'add a residual before the RMSNorm')
    .option('--no-aiter', 'SGLANG_USE_AITER is off')
    .option('--force-ck', 'SGLANG_FORCE_CK_W8A8 is on')
    .option('--force-ck-at-load', 'it was on when the weight was loaded, whatever it is now')
    .option('--keep-plain', 'the layer keeps its plain weight')
    .option('--bpreshuffle-gfx942', 'SGLANG_USE_AITER_W8A8_BLOCK_BPRESHUFFLE is on')
    .option('--no-deepgemm', 'SGLANG_ENABLE_JIT_DEEPGEMM=0')
    .option('--json', 'print plans and decisions as JSON')
    .option('-v, --verbose', 'also the rules that did not fire, and why')
    .addHelpText(
      'after',
      '\nExit codes: 0 planned, 1 the source would give a kernel bytes that it misreads, 2 a bad argument or a shape that is refused.',
    )
    .action((options: LinearOptions) => setExit(explainLinear(options)));

  addMoe(explain, setExit);

  explain
    .command('x-scale')
    .description(
      'every state of an activation scale before every kernel: right, refused or silently wrong, and what mends it',
    )
    .option('--m <tokens>', 'tokens', count, 64)
    .option('--k <columns>', 'columns of the activation', count, 7168)
    .option('--json', 'print the table as JSON')
    .action((options: ScaleOptions) => setExit(explainScale(options)));

  explain
    .command('decision')
    .description('any decision table: its rules, or its answer for given facts')
    .argument('[name]', 'e.g. linear.fp8-block (default: list them)')
    .option('--rules <name>', 'state of the source (default: the newest)')
    .option('--set <facts...>', 'facts as name=value; true, false and numbers are taken as such')
    .option('--json', 'print as JSON')
    .action((name: string | undefined, options: DecisionOptions) => setExit(explainDecision(name, options)));
}

function upper(text: string): string {
  const value = text.toUpperCase();
  if (!SCALE_STATES.some((state) => state === value)) {
    throw new InvalidArgumentError(`Allowed choices are ${SCALE_STATES.join(', ')}.`);
  }
  return value;
}
