import { codeText, codeValue, elementFacts, numberText, registerText } from '../../../tensor/index.ts';
import type { Subject } from '../subject.ts';
import type { Selection } from './selection.ts';
import { markdownTable } from './table.ts';

/** What the cells of a tile's table hold. */
export const TILE_CELLS = ['byte', 'lane', 'code', 'value'] as const;
export type TileCell = (typeof TILE_CELLS)[number];

/** Rows and columns of a table that a comment can still show. */
export const MAX_TABLE = 32;

/**
 * A table of single elements, as pinned: everything that the hover line tells.
 * @param data name of the tensor, where it comes from a file
 */
export function markdownOfElements(
  subject: Subject,
  coords: readonly (readonly number[])[],
  link: string,
  data?: string,
): string {
  const { tensor, scale, registers, bits } = subject;
  const header = ['element', 'code', 'value', 'scale', 'dequantised', 'byte', '16-byte line', 'lane', 'register'];
  const rows = coords.map((coord) => {
    const facts = elementFacts(tensor, coord, { scale, registers });
    const { location, place } = facts;
    const nibble = bits === 4 ? ` ${location.bit === 0 ? 'low' : 'high'} nibble` : '';
    return [
      tensor.layout.dims.map(({ name }, axis) => `${name}=${coord[axis]}`).join(' '),
      codeText(tensor.type, facts.code),
      numberText(facts.value),
      facts.scale === undefined ? '' : numberText(facts.scale.value),
      facts.dequantised === undefined ? '' : numberText(facts.dequantised),
      `0x${location.byte.toString(16)}${nibble}`,
      `0x${location.line16.toString(16)}`,
      place === undefined ? '' : String(place.lane),
      place === undefined ? '' : registerText(place, bits),
    ];
  });
  return page(subject, markdownTable(header, rows), link, data);
}

/**
 * The table of a box: rows by columns of the last two dimensions, at most 32 by 32 from its beginning; leading dimensions stay at
 * their first index.
 */
export function markdownOfTile(
  subject: Subject,
  selection: Selection,
  cell: TileCell,
  link: string,
  data?: string,
): string {
  const { dims } = subject.tensor.layout;
  const last = dims.length - 1;
  const spans = selection.map(([start, end], axis) =>
    axis < last - 1 ? [start] : Array.from({ length: Math.min(MAX_TABLE, end - start) }, (_, at) => start + at),
  );
  const columns = spans[last] ?? [];
  const rows = last === 0 ? [undefined] : (spans[last - 1] ?? []);
  const leading = spans.slice(0, Math.max(0, last - 1)).map(([first = 0]) => first);
  const where = leading.map((at, axis) => `${dims[axis]?.name}=${at}`).join(' ');
  const corner = `${last === 0 ? '' : `${dims[last - 1]?.name} \\\\ `}${dims[last]?.name}`;
  const body = rows.map((row) => [
    row === undefined ? '' : `**${row}**`,
    ...columns.map((column) => cellText(subject, [...leading, ...(row === undefined ? [] : [row]), column], cell)),
  ]);
  const caption = `${cell} of each element${where === '' ? '' : ` at ${where}`}`;
  return page(subject, `${caption}\n\n${markdownTable([corner, ...columns.map(String)], body)}`, link, data);
}

function cellText({ tensor, registers, bits }: Subject, coord: readonly number[], cell: TileCell): string {
  const offset = tensor.layout.offset(coord);
  switch (cell) {
    case 'byte':
      return `0x${Math.floor((offset * bits) / 8).toString(16)}${bits === 4 ? (offset % 2 === 0 ? '.lo' : '.hi') : ''}`;
    case 'lane':
      return String(registers.placeOf(tensor.layout, offset, bits)?.lane ?? '');
    case 'code':
      return codeText(tensor.type, tensor.codeAt(offset));
    case 'value':
      return numberText(codeValue(tensor.type, tensor.codeAt(offset)));
    default:
      return cell satisfies never;
  }
}

function page({ tensor, resolved }: Subject, body: string, link: string, data: string | undefined): string {
  const { layout, type } = tensor;
  const name = data === undefined ? '' : `\`${data}\`: `;
  return `${name}**${resolved.title}**, ${type} [${layout.shape.join(', ')}], \`${layout.toString()}\`\n\n${body}\n\n[Open in preshuffle](${link})\n`;
}
