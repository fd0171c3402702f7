import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { OP_NAMES } from '../../src/ops/registry.ts';
import { oneHotMeaning, probeChoices, probeSizes } from '../../src/probe/probe-call.ts';

it('docs/probe.md has the sizes and choices of every op', () => {
  const rows = OP_NAMES.map((op) => {
    const sizes = Object.entries(probeSizes(op)).map(([name, size]) => `\`${name}\` ${size}`);
    const choices = probeChoices(op).map((choice) => `\`${choice}\``);
    return `| \`${op}\` | ${sizes.join(', ')} | ${choices.join(', ')} | ${oneHotMeaning(op) === undefined ? '' : 'yes'} |`;
  });
  expect(readFileSync('docs/probe.md', 'utf8')).toContain(rows.join('\n'));
});
