/** Names listed in full in a message; of longer lists these many come first. */
const LISTED = 12;
const NEAREST = 3;

/** The names most like a mistyped one: those that contain it or are contained in it, then by edit distance; at most three. */
export function nearestNames(wanted: string, names: readonly string[]): readonly string[] {
  const lower = wanted.toLowerCase();
  const ranked = names.map((name) => {
    const other = name.toLowerCase();
    const contained = other.includes(lower) || lower.includes(other);
    // A part of the name, or a name that begins alike, is a better guess than a name with as many letters.
    const distance = contained ? Math.abs(other.length - lower.length) / 1000 : editDistance(lower, other);
    return { name, distance };
  });
  const limit = Math.max(2, wanted.length * 0.4);
  return ranked
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, NEAREST)
    .map(({ name }) => name);
}

/** `a, b and 3 more`, or `none`. */
export function listOfNames(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  return names.length <= LISTED
    ? names.join(', ')
    : `${names.slice(0, LISTED).join(', ')} and ${names.length - LISTED} more`;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
