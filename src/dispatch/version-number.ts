import { PreshuffleError } from '../errors.ts';

/** Orders versions such as `7.2` and `7.2.1` number by number; missing numbers count as 0. Negative when a is older. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parse(a), parse(b)];
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** @throws PreshuffleError unless the text is numbers with dots between them */
export function requireVersion(what: string, text: string): string {
  if (!/^\d+(\.\d+)*$/.test(text)) {
    throw new PreshuffleError('version', `${what} is "${text}", expected numbers with dots between them, such as 7.2.`);
  }
  return text;
}

function parse(text: string): readonly number[] {
  return requireVersion('the version', text).split('.').map(Number);
}
