/** A table of markdown; bars in fields are escaped. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (fields: readonly string[]): string =>
    `| ${fields.map((field) => field.replaceAll('|', '\\|').replace(/\s*\n\s*/g, ' ')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Breaks a text at spaces into lines of at most so many characters; longer words stay whole. */
export function wrapped(text: string, width = 110): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** A name that every file system takes: what is neither letter, digit, dot nor dash becomes `_`. */
export function safeName(text: string): string {
  return text.replace(/[^A-Za-z0-9.-]+/g, '_').replace(/^[_.]+|_+$/g, '') || 'export';
}
