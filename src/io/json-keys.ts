/** A key that an object of a JSON text has twice, with the path to it; `undefined` when there is none. */
export interface DuplicateKey {
  readonly key: string;
  /** Keys of the objects around it. */
  readonly path: readonly string[];
}

/**
 * Finds a duplicate key in a JSON text that `JSON.parse` accepts. `JSON.parse` keeps the last of two equal keys without a word, and a
 * checkpoint with two tensors of one name is damaged.
 */
export function findDuplicateKey(text: string): DuplicateKey | undefined {
  const open: { readonly keys: Set<string> | undefined; key: string }[] = [];
  let expectsKey = false;
  // Strings first, so that braces and colons inside them are skipped.
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;
  for (let match = tokens.exec(text); match !== null; match = tokens.exec(text)) {
    const [token] = match;
    const top = open.at(-1);
    if (token === '{') {
      open.push({ keys: new Set(), key: '' });
      expectsKey = true;
    } else if (token === '[') {
      open.push({ keys: undefined, key: '' });
      expectsKey = false;
    } else if (token === '}' || token === ']') {
      open.pop();
      expectsKey = false;
    } else if (token === ',') expectsKey = top?.keys !== undefined;
    else if (token === ':') expectsKey = false;
    else if (expectsKey && top?.keys !== undefined) {
      const key = JSON.parse(token) as string;
      if (top.keys.has(key)) return { key, path: open.slice(0, -1).map((level) => level.key) };
      top.keys.add(key);
      top.key = key;
    }
  }
  return undefined;
}
