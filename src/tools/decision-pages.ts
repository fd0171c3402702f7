import { type AnyDecisionTable, DECISIONS } from '../dispatch/decisions.ts';
import { BLOCK_SCALE_KERNELS, SCALE_STATES } from '../dispatch/kernels.ts';
import { AITER_VERSIONS, MOE_LOADER_VERSIONS } from '../dispatch/moe/versions.ts';
import { type AnyRule, describeRule } from '../dispatch/rule.ts';
import { SCALE_HELPERS } from '../dispatch/scale-helpers.ts';
import { mendScale, readScaleAsIs } from '../dispatch/scale-state.ts';
import { CK_MAX_SAFE_M, TRITON_TUNED_GFX950 } from '../dispatch/tables.ts';
import { VERSIONS } from '../dispatch/versions.ts';
import type { Page } from './page.ts';

const HEAD = '<!-- Written by src/tools/docs-tables.ts from the rules: "npm run docs". -->\n';

/** One page a decision, one for the activation scale, and the list of them. */
export function decisionPages(): readonly Page[] {
  const pages = DECISIONS.map((table) => ({
    file: `docs/decisions/${table.id}.md`,
    text: `${HEAD}\n${decisionPage(table)}\n`,
  }));
  return [
    { file: 'docs/decisions/README.md', text: `${HEAD}\n${indexPage()}\n` },
    ...pages,
    { file: 'docs/decisions/x-scale.md', text: `${HEAD}\n${scalePage()}\n` },
  ];
}

function indexPage(): string {
  const rows = DECISIONS.map(({ id, question }) => [`[${id}](${id}.md)`, question]);
  const versions = VERSIONS.map(({ id, platforms, date, what }) => [code(id), platforms.join(', '), date ?? '', what]);
  return [
    '# Decisions',
    '',
    'Which kernel runs, which layout it reads, what happens to a weight at load: each is a table of rules, tried in order. `decide()` in ' +
      '`preshuffle/dispatch` evaluates them, `preshuffle explain decision NAME --set fact=value …` does on the command line.',
    '',
    table(
      ['decision', 'question'],
      [
        ...rows,
        [
          '[x-scale](x-scale.md)',
          'What does each kernel make of an activation scale in each state, and what mends it?',
        ],
      ],
    ),
    '',
    'The rules are kept for these states of the source:',
    '',
    table(['name', 'platform', 'when', 'what'], versions),
    '',
    'Those of a mixture of experts in MXFP4 (`moe.…`) for these states of the loader, each with the AITER it was used with:',
    '',
    table(
      ['name', 'when', 'what', 'AITER'],
      MOE_LOADER_VERSIONS.map(({ id, date, what, aiter }) => [code(id), date ?? '', what, code(aiter)]),
    ),
    '',
    'and of AITER:',
    '',
    table(
      ['name', 'when', 'what'],
      AITER_VERSIONS.map(({ id, date, what }) => [code(id), date ?? '', what]),
    ),
  ].join('\n');
}

function decisionPage({ id, question, choices, versions, notes = [] }: AnyDecisionTable): string {
  const lines = [`# ${id}`, '', question, '', '## Choices', ''];
  lines.push(
    table(
      ['choice', 'meaning'],
      Object.entries(choices).map(([choice, meaning]) => [show(choice), meaning]),
    ),
  );
  for (const { names, rules } of groupEqual(versions)) {
    lines.push(
      '',
      `## Rules: ${names.map(code).join(', ')}`,
      '',
      'The first rule whose conditions all hold decides.',
      '',
    );
    lines.push(
      table(
        ['rule', 'when', 'choice', 'why', 'source'],
        rules.map((rule) => [code(rule.id), describeRule(rule), show(rule.choice), rule.reason, rule.origin]),
      ),
    );
  }
  for (const shapes of [TRITON_TUNED_GFX950, CK_MAX_SAFE_M]) {
    if (!JSON.stringify(versions).includes(shapes.id)) continue;
    const withValue = shapes.entries.some(({ value }) => value !== undefined);
    lines.push('', `## The ${shapes.id}`, '');
    lines.push(
      table(
        withValue ? ['n', 'k', 'limit'] : ['n', 'k'],
        shapes.entries.map(({ n, k, value }) => [n, k, ...(value === undefined ? [] : [value])].map(String)),
      ),
    );
  }
  if (notes.length > 0) lines.push('', '## Notes', '', ...notes.map((note) => `- ${note}`));
  return lines.join('\n');
}

/** Versions with the same rules share a table. */
function groupEqual(
  versions: AnyDecisionTable['versions'],
): readonly { readonly names: readonly string[]; readonly rules: readonly AnyRule[] }[] {
  const groups = new Map<string, { names: string[]; rules: readonly AnyRule[] }>();
  for (const [name, rules] of Object.entries(versions)) {
    const key = JSON.stringify(rules);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { names: [name], rules });
    else group.names.push(name);
  }
  return [...groups.values()];
}

function scalePage(): string {
  const [m, g] = [64, 56];
  const rows = BLOCK_SCALE_KERNELS.flatMap((kernel) =>
    SCALE_STATES.map((state) => {
      const asIs = readScaleAsIs(kernel, state, m, g);
      const { conversion, code: torch, to } = mendScale(kernel, state, m, g);
      const outcome = asIs === 'right' ? 'right' : asIs === 'throws' ? 'refused' : '**silently wrong**';
      return [
        code(kernel.id),
        state,
        outcome,
        conversion === 'none' ? '' : `${code(torch)} gives ${to}`,
        conversion === 'none' ? '' : conversion === 'copy' ? 'a copy' : 'nothing moves',
      ];
    }),
  );
  const helpers = SCALE_HELPERS.filter(({ id }) => id !== 'none').map(({ code: torch, source, result, copies }) => [
    code(torch),
    ...SCALE_STATES.map((state) => `${result[state]}${copies.includes(state) ? '' : ', free'}`),
    source,
  ]);
  return [
    '# x-scale',
    '',
    'What does each kernel make of an activation scale in each state, and what mends it?',
    '',
    'A scale of M tokens by G groups is in one of three states: RM, row-major; CM, column-major with honest strides; TV, the bytes of CM under the ' +
      'metadata of RM. With M = 1 or G = 1 all three are the same bytes, so a mistake shows in prefill and not in decoding.',
    '',
    '## Kernels',
    '',
    table(['kernel', 'scale is', 'as it is', 'mended by', 'cost'], rows),
    '',
    'CKTile without 8 warps reads an honest column-major scale transposed, instead of refusing it, when M = G.',
    '',
    '## Helpers of SGLang',
    '',
    'What comes out of a helper for a scale in each state. T is its own inverse only when M = G: the inverse is `s.view(G, M).transpose(0, 1).contiguous()`.',
    '',
    table(['helper', 'of RM', 'of CM', 'of TV', 'source'], helpers),
  ].join('\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}

function show(choice: string): string {
  return code(choice === '' ? '""' : choice);
}
