import { type ElementType, elementBits } from '../formats/element-type.ts';
import { dtypeElement } from '../io/safetensors-dtypes.ts';
import { guessLayout } from '../layout/guess-layout.ts';
import { identifyLayout } from '../layout/identify.ts';
import { EXIT } from './exit-codes.ts';
import { renderGuess } from './identify-guess.ts';
import { guessJson, identifyJson } from './identify-json.ts';
import { renderIdentify } from './identify-table.ts';
import { InputError } from './inputs.ts';
import { readTensorArgument, type TensorArgument } from './tensor-argument.ts';

export interface IdentifyOptions {
  /** Logical shape; of fp4 in elements. */
  readonly shape?: readonly number[];
  readonly type?: ElementType;
  readonly experts?: number;
  readonly json?: boolean;
}

/**
 * `preshuffle identify`: which layout takes RAW to SHUFFLED; of one tensor alone, which layout it is likely in. Returns the exit code.
 * @throws InputError, ParameterError
 */
export async function identify(
  args: { readonly first: string; readonly second: string | undefined },
  options: IdentifyOptions,
): Promise<number> {
  const first = await readTensorArgument(args.first);
  const second = args.second === undefined ? undefined : await readTensorArgument(args.second);
  const type = typeOf(first, second, options.type);
  // Of a padded and a plain tensor the plain one has the logical shape.
  const [plain, other] =
    second !== undefined && second.bytes.length < first.bytes.length ? [second, first] : [first, second];
  const shape = options.shape ?? shapeOf(plain, type) ?? (other === undefined ? undefined : shapeOf(other, type));
  const { experts = 1 } = options;
  if (second === undefined) {
    if (shape === undefined)
      throw new InputError(
        `${first.file}: one tensor alone needs its logical shape; give --shape such as 4096,7168, or the plain tensor before it.`,
      );
    const result = guessLayout({ bytes: first.bytes, type, shape, experts });
    write(options, guessJson(first, type, result), () =>
      renderGuess(first, { type, shape, experts }, result, process.stdout),
    );
    return result.verdict === 'cannot-tell' || result.guesses.length === 0 ? EXIT.mismatch : EXIT.ok;
  }
  const result = identifyLayout({
    raw: first.bytes,
    shuffled: second.bytes,
    bits: elementBits(type),
    ...(shape === undefined ? {} : { shape }),
    experts,
  });
  const about = { raw: first, shuffled: second, type, experts };
  write(options, identifyJson(about, result), () => renderIdentify(about, result, process.stdout));
  const isIdentified = result.matches.length > 0 || result.inferred !== undefined;
  return isIdentified ? EXIT.ok : EXIT.mismatch;
}

function write({ json }: IdentifyOptions, value: unknown, text: () => string): void {
  process.stdout.write(`${json === true ? JSON.stringify(value) : text()}\n`);
}

/** The type that is asked for, or that the files say. Bytes of unknown meaning are taken one by one. */
function typeOf(
  first: TensorArgument,
  second: TensorArgument | undefined,
  asked: ElementType | undefined,
): ElementType {
  if (asked !== undefined) return asked;
  const types = [first, ...(second === undefined ? [] : [second])]
    .map(({ dtype }) => (dtype === undefined ? undefined : dtypeElement(dtype)))
    .filter((type) => type !== undefined);
  const [a, b] = types;
  if (a === undefined) return 'u8';
  if (b !== undefined && elementBits(a) !== elementBits(b))
    throw new InputError(
      `${first.file} holds ${a} and ${second?.file} ${b}, elements of different widths; give --type to read both as one.`,
    );
  // Views of bytes say less than a float type.
  return b !== undefined && a.startsWith('u') ? b : a;
}

/** The header's shape in elements of the type: of packed fp4 stored as bytes, the last dimension counts twice. */
function shapeOf({ shape, bytes }: TensorArgument, type: ElementType): readonly number[] | undefined {
  if (shape === undefined || shape.length < 2) return undefined;
  const elements = (bytes.length * 8) / elementBits(type);
  const held = shape.reduce((all, size) => all * size, 1);
  const wider = elements / held;
  if (!Number.isInteger(wider)) return undefined;
  return [...shape.slice(0, -1), (shape.at(-1) ?? 1) * wider];
}
