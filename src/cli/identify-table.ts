import Table from 'cli-table3';
import { type ElementType, elementBits } from '../formats/element-type.ts';
import type { IdentifyDifference, IdentifyMatch, IdentifyResult, Layout, NearMatch } from '../layout/index.ts';
import { torchLines } from '../layout/torch-lines.ts';
import { torchType } from '../tensor/torch-type.ts';
import { printPermalink } from '../visualizer/model/permalink.ts';
import { DEFAULT_SCENE } from '../visualizer/model/scene.ts';
import { paint } from './colors.ts';
import type { TensorArgument } from './tensor-argument.ts';
import { formatShare, SPARSE } from './verify-table.ts';

const MOST_AMBIGUOUS = 3;

export interface IdentifyAbout {
  readonly raw: TensorArgument;
  readonly shuffled: TensorArgument;
  readonly type: ElementType;
  readonly experts: number;
}

/** What was found, as text: a table, then the layout in every notation. */
export function renderIdentify(
  about: IdentifyAbout,
  result: IdentifyResult,
  stream: { readonly isTTY?: boolean },
): string {
  const color = paint(stream);
  const { raw, shuffled, type } = about;
  const lines = [`raw       ${describeTensor(raw, type)}`, `shuffled  ${describeTensor(shuffled, type)}`, ''];
  if (result.matches.length > 0) lines.push(matchTable(result, color), '');
  const [first] = result.matches;
  if (first !== undefined) lines.push(...detailsOf(about, first));
  for (const { titles, places, raw: at, code, share } of result.ambiguous.slice(0, MOST_AMBIGUOUS))
    lines.push(
      '',
      color('yellow', `The data do not tell "${titles[0]}" from "${titles[1]}": codes repeat.`),
      `About ${percent(share)} of the elements go to different places; raw element ${at} (${hex(code, type)}) to ${places[0]} or ${places[1]}. Numbered elements tell.`,
    );
  const more = result.ambiguous.length - MOST_AMBIGUOUS;
  if (more > 0) lines.push(`and from ${more} more`);
  if (result.inferred !== undefined)
    lines.push(
      color('bold', 'No layout of the catalog, but one permutation of digits explains every element:'),
      ...notations(result.inferred, about),
    );
  for (const near of result.near) lines.push(...nearLines(near, type, color));
  if (first === undefined && result.inferred === undefined) lines.push(...nothingLines(result, type, color));
  lines.push(...result.notes.map((note) => `${color('yellow', 'note')}      ${note}`));
  return lines.join('\n').trimEnd();
}

function describeTensor({ file, name, shape, bytes }: TensorArgument, type: ElementType): string {
  const what = shape === undefined ? `${bytes.length.toLocaleString('en')} bytes` : `[${shape.join(', ')}]`;
  return `${file.endsWith(name) ? file : `${file}:${name}`}  ${what}, read as ${type}`;
}

function matchTable({ matches, shapeInferred }: IdentifyResult, color: ReturnType<typeof paint>): string {
  const table = new Table({
    head: ['layout', 'how', shapeInferred ? 'shape (found)' : 'shape', 'equal', 'padding'].map((text) =>
      color('bold', text),
    ),
    chars: SPARSE,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  for (const { title, how, shape, padding } of matches)
    table.push([title, how, `[${shape.join(', ')}]`, '100 %', paddingText(padding)]);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

function paddingText({ elements, codes }: IdentifyMatch['padding']): string {
  if (elements === 0) return 'none';
  const [first] = codes;
  if (first === undefined) return elements.toLocaleString('en');
  const held = codes.length === 1 ? `all 0x${first.code.toString(16).padStart(2, '0')}` : `${codes.length} codes`;
  return `${elements.toLocaleString('en')}, ${held}`;
}

function detailsOf(about: IdentifyAbout, match: IdentifyMatch): readonly string[] {
  const { how, layout, entry, mapping, sameAs, shape, steps } = match;
  const lines = [...sameAs.slice(0, 6).map((title) => `same as   ${title}`)];
  if (sameAs.length > 6) lines.push(`          and ${sameAs.length - 6} more`);
  if (how === 'direct') {
    lines.push(`title     ${entry.title}`, `source    ${entry.source}`);
    const fill = typeof entry.padding === 'number' ? entry.padding : 0;
    lines.push(
      ...notations(layout, about, fill),
      `look      preshuffle visualize '${link(about, entry.id, layout.shape)}'`,
    );
    return lines;
  }
  for (const { entry: used, layout: own, how: way } of steps)
    lines.push(`${way === 'direct' ? 'write as' : 'read as '}  ${used.id}  ${own}`);
  if (mapping !== undefined)
    lines.push(
      'together, from raw to shuffled:',
      ...notations(mapping, about),
      `look      preshuffle visualize '${link(about, String(mapping), shape)}'`,
    );
  return lines;
}

function notations(layout: Layout, { type }: IdentifyAbout, fill = 0): readonly string[] {
  const torch = torchLines(layout, { bits: elementBits(type), type, dtype: torchType(type), fill });
  const indented = torch.trimEnd().split('\n');
  return [
    `notation  ${layout}`,
    `cute      ${layout.toCute()}`,
    ...indented.map((line, at) => `${at === 0 ? 'torch     ' : '          '}${line}`.trimEnd()),
  ];
}

/** Permalink of the layout in the visualizer. */
export function link(
  { type, experts }: Pick<IdentifyAbout, 'type' | 'experts'>,
  ref: string,
  shape: readonly number[],
): string {
  return printPermalink({ ...DEFAULT_SCENE, screen: 'lens', a: ref, type, shape, experts });
}

function nearLines(near: NearMatch, type: ElementType, color: ReturnType<typeof paint>): readonly string[] {
  const { title, shape, elements, differing, differences } = near;
  const share = percent(1 - differing / elements);
  return [
    color(
      'yellow',
      `nearly    ${title} [${shape.join(', ')}]: ${share} of ${elements.toLocaleString('en')} elements, ${differing} ${differing === 1 ? 'differs' : 'differ'}`,
    ),
    ...differences.map((difference) => `          ${differenceText(difference, type)}`),
    ...(differing > differences.length ? [`          and ${differing - differences.length} more`] : []),
  ];
}

function nothingLines(
  { inference, coverage, chance, firstContradiction, near }: IdentifyResult,
  type: ElementType,
  color: ReturnType<typeof paint>,
): readonly string[] {
  const lines = [
    color(
      'red',
      near.length > 0
        ? 'Nothing takes raw to shuffled exactly.'
        : 'No layout of the catalog, and no two one after the other, takes raw to shuffled.',
    ),
  ];
  if (firstContradiction !== undefined && near.length === 0) {
    const isChance = coverage < chance + 0.1 * (1 - chance);
    lines.push(
      isChance
        ? `nearest   none: no single layout explains more than chance does, about ${percent(chance)}`
        : `nearest   ${firstContradiction.title}: ${percent(coverage)} of the elements; first not at ${differenceText(firstContradiction, type)}`,
    );
  }
  if (inference?.reason !== undefined) lines.push(`inferred  ${inference.reason}`);
  for (const layout of (inference?.solutions ?? []).slice(0, 4)) lines.push(`          ${layout}`);
  return lines;
}

function differenceText(
  { coord, rawOffset, shuffledOffset, raw, shuffled }: IdentifyDifference,
  type: ElementType,
): string {
  return `[${coord.join(', ')}] (raw ${rawOffset}, shuffled ${shuffledOffset}): expected ${hex(raw, type)}, got ${hex(shuffled, type)}`;
}

function hex(code: number, type: ElementType): string {
  return `0x${code.toString(16).padStart(Math.min(8, elementBits(type) / 4), '0')}`;
}

function percent(share: number): string {
  return `${formatShare(share)} %`;
}
