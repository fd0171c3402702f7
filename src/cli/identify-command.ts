import { type Command, InvalidArgumentError } from 'commander';
import { type ElementType, isIntegerType } from '../formats/element-type.ts';
import { FLOAT_FORMATS, isFloatFormat } from '../formats/facts.ts';
import { count } from './explain/numbers.ts';
import type { IdentifyOptions } from './identify.ts';

/** Adds `preshuffle identify RAW SHUFFLED` to the program. */
export function addIdentify(root: Command, setExit: (code: number) => void): void {
  root
    .command('identify')
    .description(
      'which layout takes a plain tensor to a shuffled one; of one tensor alone, which layout it is likely in',
    )
    .argument('<raw>', 'the plain tensor: FILE or FILE:TENSOR, of safetensors, npy or raw bytes; or the only tensor')
    .argument('[shuffled]', 'the same tensor after the shuffle')
    .option(
      '--shape <sizes>',
      'logical shape such as 4096,7168; of fp4 in elements (default: as in the files, else found)',
      sizes,
    )
    .option(
      '--type <name>',
      'type of the elements, such as e4m3fn or e2m1 (default: as in the files, else u8)',
      elementType,
    )
    .option('--experts <count>', 'experts stacked in the rows', count)
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExit codes: 0 identified, 1 nothing explains every element, 2 a bad argument or an unusable file.',
    )
    .action(async (first: string, second: string | undefined, options: IdentifyOptions) => {
      const { identify } = await import('./identify.ts');
      setExit(await identify({ first, second }, options));
    });
}

function sizes(text: string): readonly number[] {
  const parsed = text.split(/[,x]/).map(Number);
  if (parsed.every((size) => Number.isSafeInteger(size) && size > 0)) return parsed;
  throw new InvalidArgumentError('Expected positive integers separated by commas, such as 4096,7168.');
}

function elementType(text: string): ElementType {
  if (isFloatFormat(text)) return text;
  if (isIntegerType(text as ElementType)) return text as ElementType;
  throw new InvalidArgumentError(`Expected ${FLOAT_FORMATS.join(', ')}, or an integer type such as u8.`);
}
