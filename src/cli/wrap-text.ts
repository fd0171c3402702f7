/** Columns of a report: what a terminal and a code block of a ticket show without a scroll bar. */
export const WIDTH = 120;

/**
 * Breaks text between words, and inside of one only where it is longer than a line.
 * @param indent columns that each line begins with, counted into the width; the first line has them too
 */
export function wrapText(text: string, indent = 0, width: number = WIDTH): readonly string[] {
  const room = Math.max(1, width - indent);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
    while (line.length > room) {
      lines.push(line.slice(0, room));
      line = line.slice(room);
    }
  }
  if (line !== '') lines.push(line);
  return lines.map((own) => `${' '.repeat(indent)}${own}`);
}

/** `name` in a column of its own, text beside it in as many lines as it takes. */
export function wrapNamed(name: string, text: string, indent: number): readonly string[] {
  const [first = '', ...more] = wrapText(text, indent);
  return [`${name.padEnd(indent - 1)} ${first.slice(indent)}`.trimEnd(), ...more];
}
