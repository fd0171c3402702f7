import type { ElementType } from '../formats/element-type.ts';
import type { GuessResult } from '../layout/index.ts';
import { paint } from './colors.ts';
import { link } from './identify-table.ts';
import type { TensorArgument } from './tensor-argument.ts';

const MOST = 5;

/** Ranked guesses of one tensor's layout, with what speaks for them. */
export function renderGuess(
  { file, bytes }: TensorArgument,
  about: { readonly type: ElementType; readonly shape: readonly number[]; readonly experts: number },
  result: GuessResult,
  stream: { readonly isTTY?: boolean },
): string {
  const color = paint(stream);
  const { type, shape, experts } = about;
  const lines = [
    `${file}  ${bytes.length.toLocaleString('en')} bytes as ${type} [${shape.join(', ')}]`,
    '',
    `${color(result.verdict === 'found' ? 'green' : 'yellow', result.verdict)}  ${result.summary}`,
    `confidence that the first is better than every other: ${(100 * result.confidence).toFixed(result.confidence > 0.99 ? 2 : 0)} %`,
  ];
  for (const [at, guess] of result.guesses.slice(0, MOST).entries()) {
    const [id = '', ...others] = guess.ids;
    lines.push('', `${at + 1}. ${color('bold', id)}${others.length > 0 ? `  same bytes as ${others.join(', ')}` : ''}`);
    lines.push(
      `   explains ${Math.max(0, 100 * guess.score).toFixed(1)} %, ${guess.behind.toFixed(1)} standard errors behind the first`,
    );
    lines.push(...guess.evidence.map((line) => `   ${line}`));
    if (at === 0)
      lines.push(
        `   notation  ${guess.candidate.layout}`,
        `   look      preshuffle visualize '${link({ type, experts }, id, guess.candidate.shape)}'`,
      );
  }
  if (result.guesses.length > MOST) lines.push('', `and ${result.guesses.length - MOST} more`);
  if (result.toTellApart !== undefined) lines.push('', result.toTellApart);
  if (result.guesses.length === 0) lines.push(...result.rejected.slice(0, 8).map(({ reason }) => `   ${reason}`));
  return lines.join('\n');
}
