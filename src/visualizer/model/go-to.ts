import { type Layout, type RegisterMap, WAVE_LANES } from '../../layout/index.ts';
import { SceneError } from './layout-ref.ts';

/** What a place is told against. */
export interface GoToContext {
  readonly layout: Layout;
  /** Bits of an element. */
  readonly bits: number;
  readonly registers: RegisterMap;
  /** Bits of an element in the registers, where an operand fixes them. */
  readonly registerBits?: number | undefined;
  /** Tile that lanes belong to. */
  readonly tile: number;
  /** Where one is now: dimensions that are not named stay as they are. Default: zeros. */
  readonly current?: readonly number[] | undefined;
}

const FORMS = 'n=517 k=96, e3.n517.k96, 517,96, byte 0x12a40, offset 1234, line 0x12a4 or lane 37 v2';

/**
 * The storage offset of a place in words.
 * @throws SceneError when it cannot be read or lies outside the tensor
 */
export function goTo(text: string, context: GoToContext): number {
  const trimmed = text.trim().replaceAll(/(?<=[0-9a-f])_(?=[0-9a-f])/gi, '');
  if (trimmed === '') throw new SceneError(`Nothing to go to; write ${FORMS}.`);
  const address = /^(byte|offset|line)\s*[:=]?\s*(0x[0-9a-f]+|\d+)(?:\s+(low|high)(?:\s+nibble)?)?$/i.exec(trimmed);
  if (address !== null) {
    const [, unit = '', number = '', half] = address;
    return addressed(unit.toLowerCase(), Number(number), half?.toLowerCase() === 'high', context);
  }
  const lane = /^lane\s*[:=]?\s*(\d+)(?:[\s,]+v(\d+)(?:\[(?:\d+:)?(\d+)\])?)?$/i.exec(trimmed);
  if (lane !== null) {
    const [, number, vgpr = '0', bit = '0'] = lane;
    return registered(Number(number), Number(vgpr), Number(bit), context);
  }
  return context.layout.offset(coordinate(trimmed, context));
}

function addressed(unit: string, value: number, isHigh: boolean, { layout, bits }: GoToContext): number {
  const bytes = (layout.storageSize * bits) / 8;
  const hex = `0x${value.toString(16)}`;
  if (unit === 'offset') {
    if (value < layout.storageSize) return value;
    throw new SceneError(`Offset ${value} is outside the tensor of ${layout.storageSize} elements, padding included.`);
  }
  const byte = unit === 'line' ? value * 16 : value;
  if (byte >= bytes) {
    throw new SceneError(
      unit === 'line'
        ? `16-byte line ${hex} is outside the tensor of ${Math.ceil(bytes / 16)} lines.`
        : `Byte ${hex} is outside the tensor of ${bytes} bytes, padding included.`,
    );
  }
  const offset = Math.floor((byte * 8) / bits) + (bits === 4 && isHigh ? 1 : 0);
  return Math.min(offset, layout.storageSize - 1);
}

function registered(lane: number, vgpr: number, bit: number, context: GoToContext): number {
  const { layout, bits, registers, tile } = context;
  const width = context.registerBits ?? bits;
  if (lane >= WAVE_LANES) throw new SceneError(`Lane ${lane} does not exist; a wave has lanes 0 to ${WAVE_LANES - 1}.`);
  if (vgpr >= registers.vgprs) {
    const known = registers.vgprs === 1 ? 'v0 alone' : `v0 to v${registers.vgprs - 1}`;
    throw new SceneError(`v${vgpr} does not exist; "${registers.title}" has ${known}.`);
  }
  if (bit >= 32) throw new SceneError(`Bit ${bit} does not exist; a register has bits 0 to 31.`);
  const low = Math.floor(bit / width) * width;
  const place = { tile, lane, vgpr, byte: Math.floor(low / 8), nibble: low % 8 === 4 ? 1 : 0 } as const;
  const offset = registers.offsetAt(layout, place, bits);
  if (offset !== undefined) return offset;
  throw new SceneError(`Lane ${lane} v${vgpr} holds no element of tile ${tile}.`);
}

/** Coordinates by name or by position. Permalinks print only the letters of a name, so `d17.d40` means d0=17 d1=40. */
function coordinate(text: string, { layout, current }: GoToContext): readonly number[] {
  const names = layout.dims.map(({ name }) => name);
  const inside = /^\w*\[(.*)\]$/.exec(text)?.[1] ?? text;
  const entries = inside.split(/[\s,.;]+/).filter((entry) => entry !== '');
  const parts = entries.map((entry) => {
    const match = /^(?:([a-z_]\w*)=)?([a-z_]*)(\d+)$/i.exec(entry);
    if (match === null || (match[1] !== undefined && match[2] !== ''))
      throw new SceneError(`"${text}" is no place; write ${FORMS}.`);
    return { exact: match[1], letters: match[2] ?? '', value: Number(match[3]) };
  });
  const isPosition = parts.every(
    ({ exact, letters }, axis) => exact === undefined && (letters === '' || letters === lettersOf(names[axis])),
  );
  const hasBare = parts.some(({ exact, letters }) => exact === undefined && letters === '');
  if (hasBare && !isPosition) throw new SceneError(`"${text}" is no place; write ${FORMS}.`);
  if (hasBare && parts.length !== names.length) {
    const given = parts.length === 1 ? '1 index' : `${parts.length} indices`;
    throw new SceneError(`${given}, but the layout has ${names.length} dimensions: ${names.join(', ')}.`);
  }
  const coord = names.map((_, axis) => current?.[axis] ?? 0);
  const seen = new Set<number>();
  for (const [position, { exact, letters, value }] of parts.entries()) {
    const axis = isPosition
      ? position
      : names.findIndex((name) => (exact === undefined ? lettersOf(name) === letters : name === exact));
    if (axis === -1) {
      throw new SceneError(`There is no dimension "${exact ?? letters}"; the layout has ${names.join(', ')}.`);
    }
    if (seen.has(axis)) throw new SceneError(`The dimension ${names[axis]} is given twice.`);
    seen.add(axis);
    const size = layout.shape[axis] as number;
    if (value >= size) throw new SceneError(`${names[axis]}=${value} is outside 0 to ${size - 1}.`);
    coord[axis] = value;
  }
  return coord;
}

function lettersOf(name = ''): string {
  return name.replace(/[^a-z]/gi, '');
}
