import { type Command, InvalidArgumentError, Option } from 'commander';
import { MOE_VARIABLES } from '../../dispatch/moe/env.ts';
import { GATE_MODES, MOE_ACTIVATIONS, MOE_QUANT_METHODS } from '../../dispatch/moe/facts.ts';
import { MOE_MODEL_NAMES } from '../../dispatch/moe/models.ts';
import { AITER_VERSIONS, MOE_LOADER_VERSIONS } from '../../dispatch/moe/versions.ts';
import type { MoeOptions } from './moe-options.ts';
import { amount, count, index } from './numbers.ts';

const WEIGHTS = ['mend', 'upstream', 'L0', 'L1', 'L2', 'L3', 'L4', 'L5', 'L6'] as const;

/** Adds `preshuffle explain moe`. What it runs is loaded when it is asked for. */
export function addMoe(explain: Command, setExit: (code: number) => void): void {
  const variables = MOE_VARIABLES.filter(({ fact }) => fact !== undefined).map(({ name }) => name);
  explain
    .command('moe')
    .description(
      'a mixture of experts in MXFP4: decisions, reasons, the plan with its bytes, and what every order of w13 gives',
    )
    .addOption(new Option('--model <name>', 'sizes of a model').choices(MOE_MODEL_NAMES))
    .option('--m <tokens>', 'tokens', count, 64)
    .option('--tp <ranks>', 'tensor parallel ranks: 1, 2, 4 or 8', count, 1)
    .option('--rank <number>', 'which of them', index, 0)
    .requiredOption('--arch <name>', 'gfx950')
    .option('--rules <name>', `state of the loader: ${idsOf(MOE_LOADER_VERSIONS)} (default: current)`)
    .option('--aiter <name>', `state of AITER: ${idsOf(AITER_VERSIONS)} (default: the one of that loader)`)
    .option('--compare <names>', 'two states of the loader, separated by a comma: what changed')
    .addOption(new Option('--weights <mode>', 'what happens to the weights, or the order they are in').choices(WEIGHTS))
    .addOption(
      new Option('--gate-mode <name>', 'instead of what the rules choose').choices(GATE_MODES).argParser(gateMode),
    )
    .addOption(new Option('--shuffled <weights>', 'which carry is_shuffled').choices(['both', 'w13', 'w2', 'none']))
    .option('--tuned <kernels>', 'none, or the kernels of the tuned row, stage 1 and 2 separated by a comma')
    .addOption(new Option('--quant <method>', 'what loads the weights').choices(MOE_QUANT_METHODS))
    .option('--experts <count>', 'experts', count)
    .option('--topk <count>', 'experts of a token', count)
    .option('--hidden <size>', 'H', count)
    .option('--inter <size>', 'I of an expert, over all ranks', count)
    .addOption(new Option('--activation <name>', 'between the stages').choices(MOE_ACTIVATIONS))
    .option('--swiglu-limit <number>', 'clamp of gate and up', amount)
    .addOption(new Option('--checkpoint <order>', 'rows of w13').choices(['interleaved', 'separated']))
    .option('--bias', 'the experts have biases')
    .option('--no-bias', 'they have none')
    .option('--set <settings...>', `variables or facts as name=value: ${variables.join(', ')}`)
    .option('--json', 'print plan and verdicts as JSON')
    .option('-v, --verbose', 'also the rules that did not fire, and why')
    .addHelpText(
      'after',
      '\nExit codes: 0 planned, 1 the source would misread the weights or raise an error, 2 a bad argument.',
    )
    .action(async (options: MoeOptions) => {
      const { explainMoe } = await import('./moe.ts');
      setExit(explainMoe(options));
    });
}

function gateMode(text: string): string {
  const value = text.toUpperCase();
  if (GATE_MODES.some((mode) => mode === value)) return value;
  throw new InvalidArgumentError(`Allowed choices are ${GATE_MODES.join(', ')}.`);
}

function idsOf(versions: readonly { readonly id: string }[]): string {
  return versions.map(({ id }) => id).join(', ');
}
