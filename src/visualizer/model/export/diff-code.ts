import type { Pair, PairScene } from '../diff.ts';
import { firstWrong } from '../diff-lines.ts';
import { explainPair } from '../diff-words.ts';
import { layoutCall, list } from './code.ts';
import { wrapped } from './table.ts';

/**
 * A TypeScript program that makes both layouts with `preshuffle/layout` and prints what the Diff shows: how many elements are read
 * right, what becomes of each digit of a coordinate, and of single elements the byte that is read, what lies there, and where they
 * lie themselves. It exports `written` and `read`.
 * @param pins elements to print; without any the first wrong ones
 */
export function diffCode(
  pair: Pair,
  scene: PairScene,
  link: string,
  pins: readonly (readonly number[])[] = [],
): string {
  const { bits, read, written } = pair;
  const { shape } = scene;
  const calls = [scene.a, scene.b].map((ref) => layoutCall(ref, shape, bits, scene.experts));
  const names = ['correctlyRead', 'readAs', 'readDigits', ...calls.flatMap((call) => call.names)];
  const imports = [...new Set(names)].sort((one, other) => one.localeCompare(other));
  const coords = pins.length > 0 ? pins : firstWrong(pair).map(({ asked }) => asked);
  return [
    `// Written as ${written.title}, read as ${read.title}: ${scene.type} ${list(shape)}`,
    ...wrapped(explainPair(pair).sentence, 120).map((line) => `// ${line}`),
    `// ${link}`,
    `import { ${imports.join(', ')} } from 'preshuffle/layout';`,
    '',
    `export const written = ${calls[0]?.text};`,
    `export const read = ${calls[1]?.text};`,
    '',
    'const { correct, total } = correctlyRead(written, read);',
    'console.log(correct, total);',
    '',
    '// Digits of the coordinate that is asked for, and of the one that is got; undefined where they do not nest.',
    'for (const { size, asked, got } of readDigits(written, read) ?? []) console.log(size, asked, got);',
    '',
    'const gets = readAs(written, read);',
    ...(bits === 4 ? ['// Bytes: .5 is the high nibble.'] : []),
    `const byte = (offset: number): number => offset${bits === 8 ? '' : bits < 8 ? ` / ${8 / bits}` : ` * ${bits / 8}`};`,
    '// What is asked for, the byte that is read, the element that lies there, and the byte where the wanted one lies.',
    `for (const coord of [${coords.map(list).join(', ')}])`,
    '  console.log(coord, byte(read.offset(coord)), gets(coord), byte(written.offset(coord)));',
    '',
  ].join('\n');
}
