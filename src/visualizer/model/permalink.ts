import { type ElementType, isIntegerType } from '../../formats/element-type.ts';
import { isFloatFormat } from '../../formats/facts.ts';
import { SceneError } from './layout-ref.ts';
import { COLORS, DEFAULT_SCENE, SCREENS, type ScaleChoice, type Scene, VIEWS, type ViewId } from './scene.ts';

/*
 * A permalink is the hash of the page, so that nothing reaches a server: `#v=1&screen=lens&a=shuffle_weight(16,16)&dt=e2m1&
 * shape=E8,N5760,K2880&view=log,mem,reg&color=lane&sel=e3.n517.k96`. What equals the default is left out. Letters before sizes and
 * coordinates are for people; only numbers count.
 */

const SHORT: Readonly<Record<ViewId, string>> = {
  logical: 'log',
  memory: 'mem',
  register: 'reg',
  scale: 'scale',
  bank: 'bank',
};

/** Characters of a value that would end it or that browsers rewrite in a hash. */
const RESERVED = /[%&#"<>`\s\\^{}|]|[^ -~]/gu;

/**
 * The permalink of a scene, with its `#`.
 * @param names names of the logical dimensions, where they are known
 * @post `parsePermalink(printPermalink(scene))` equals scene
 */
export function printPermalink(scene: Scene, names: readonly string[] = []): string {
  const parts: string[] = ['v=1'];
  const add = (key: string, value: string): void => {
    parts.push(`${key}=${value.replace(RESERVED, (c) => encodeURIComponent(c))}`);
  };
  const letter = (axis: number): string => (names[axis] ?? '').replace(/[^a-z]/gi, '');
  const isDefault = <K extends keyof Scene>(key: K): boolean =>
    JSON.stringify(scene[key]) === JSON.stringify(DEFAULT_SCENE[key]);
  add('screen', scene.screen);
  if (!isDefault('a')) add('a', patternOut(scene.a));
  if (scene.b !== undefined) add('b', patternOut(scene.b));
  if (!isDefault('type')) add('dt', scene.type);
  if (!isDefault('shape')) add('shape', scene.shape.map((size, axis) => letter(axis).toUpperCase() + size).join(','));
  if (!isDefault('experts')) add('experts', String(scene.experts));
  if (scene.scale !== undefined) {
    const { block, type, layout } = scene.scale;
    add('scale', `${block.join('x')}:${type}:${patternOut(layout)}`);
  }
  if (!isDefault('registers')) add('reg', scene.registers);
  if (!isDefault('views')) add('view', scene.views.map((view) => SHORT[view]).join(','));
  if (!isDefault('color')) add('color', scene.color);
  if (!isDefault('line')) add('line', String(scene.line));
  if (scene.step !== undefined) add('step', String(scene.step));
  if (scene.pins.length > 0)
    add('sel', scene.pins.map((pin) => pin.map((at, axis) => letter(axis) + at).join('.')).join(','));
  if (scene.topic !== undefined) add('topic', scene.topic);
  if (scene.file !== undefined) add('file', scene.file);
  return `#${parts.join('&')}`;
}

/**
 * The scene of a permalink; what it does not mention is as in the default.
 * @throws SceneError naming the key, what it holds and what was expected
 */
export function parsePermalink(hash: string): Scene {
  const fields = new Map<string, string>();
  for (const part of hash.replace(/^#/, '').split('&')) {
    const at = part.indexOf('=');
    if (at > 0) fields.set(part.slice(0, at), unescaped(part.slice(at + 1)));
  }
  const version = fields.get('v');
  if (version !== undefined && version !== '1')
    throw new SceneError(`Permalink: v=${version} is a version of another preshuffle; this page reads v=1.`);
  const read = <T>(key: string, otherwise: T, parse: (text: string) => T): T => {
    const text = fields.get(key);
    return text === undefined ? otherwise : parse(text);
  };
  const base = DEFAULT_SCENE;
  return {
    screen: read('screen', base.screen, (text) => oneOf('screen', text, SCREENS)),
    a: read('a', base.a, patternIn),
    b: read<string | undefined>('b', base.b, patternIn),
    type: read('dt', base.type, elementType),
    shape: read('shape', base.shape, (text) => text.split(',').map((size) => count('shape', size))),
    experts: read('experts', base.experts, (text) => count('experts', text)),
    scale: read<ScaleChoice | undefined>('scale', base.scale, scaleChoice),
    registers: read('reg', base.registers, (text) => text),
    views: read('view', base.views, viewList),
    color: read('color', base.color, (text) => oneOf('color', text, COLORS)),
    line: read('line', base.line, (text) => count('line', text)),
    step: read<number | undefined>('step', base.step, (text) => index('step', text)),
    pins: read('sel', base.pins, (text) =>
      text.split(',').map((pin) => pin.split('.').map((entry) => index('sel', entry))),
    ),
    topic: read<string | undefined>('topic', base.topic, (text) => text),
    file: read<string | undefined>('file', base.file, servedFile),
  };
}

/** Patterns hold spaces and an arrow, which a hash would escape: `(n0 n1:16) -> n0 n1` becomes `(n0.n1:16)~n0.n1`. */
function patternOut(ref: string): string {
  return ref.includes('->')
    ? ref
        .trim()
        .replace(/\s*->\s*/, '~')
        .replace(/\s+/g, '.')
    : ref;
}

function patternIn(text: string): string {
  return text.includes('~') ? text.replace('~', ' -> ').replaceAll('.', ' ') : text;
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new SceneError(`Permalink: "${text}" is not a valid percent-encoding.`);
  }
}

function oneOf<T extends string>(key: string, text: string, known: readonly T[]): T {
  const found = known.find((value) => value === text);
  if (found !== undefined) return found;
  throw new SceneError(`Permalink: ${key}=${text} is not known; expected one of ${known.join(', ')}.`);
}

function viewList(text: string): readonly ViewId[] {
  const shorts = VIEWS.map((view) => SHORT[view]);
  const wanted = text.split(',').map((short) => oneOf('view', short, shorts));
  return VIEWS.filter((view) => wanted.includes(SHORT[view]));
}

function elementType(text: string): ElementType {
  if (isFloatFormat(text)) return text;
  if (isIntegerType(text as ElementType)) return text as ElementType;
  throw new SceneError(`Permalink: dt=${text} is not known; expected a type such as e4m3fn, e2m1, e8m0, f32 or u8.`);
}

function scaleChoice(text: string): ScaleChoice {
  const match = /^(\d+)x(\d+):(e8m0|f32):(.+)$/.exec(text);
  if (match === null) throw new SceneError(`Permalink: scale=${text}, expected such as 1x32:e8m0:shuffle_scale.`);
  const [, rows = '', columns = '', type, layout = ''] = match;
  return {
    block: [count('scale', rows), count('scale', columns)],
    type: type as 'e8m0' | 'f32',
    layout: patternIn(layout),
  };
}

/** Only what the page's own server offers: a permalink must not make a page fetch from anywhere. */
function servedFile(text: string): string {
  if (/^opened\/[^/\\?#]+$/.test(text)) return text;
  throw new SceneError(
    `Permalink: file=${text}, expected opened/NAME, a file given to \`preshuffle visualize NAME\`; drop other files on the page.`,
  );
}

function index(key: string, text: string): number {
  const digits = /^[a-z]*(\d+)$/i.exec(text)?.[1];
  const value = Number(digits);
  if (digits !== undefined && Number.isSafeInteger(value)) return value;
  throw new SceneError(`Permalink: ${key} has "${text}", expected a number, with or without a name: 96 or k96.`);
}

function count(key: string, text: string): number {
  const value = index(key, text);
  if (value > 0) return value;
  throw new SceneError(`Permalink: ${key} has "${text}", expected a positive number.`);
}
