import { describe, expect, it } from 'vitest';
import type { BackendReport, CaseResult } from '../../src/golden/index.ts';
import { renderHtml, renderJUnit, renderMarkdown } from '../../src/golden/index.ts';

const metrics = {
  elements: 6144,
  mismatches: 1,
  equal: 0.99999,
  maxAbs: 1,
  maxRel: 1,
  maxUlp: 3,
  cosine: 1,
  boundUsed: null,
  ms: 12.5,
  tensors: [],
} as const;
const base = { file: 'a&b.safetensors', op: 'encode', backend: 'cpu', diagnosis: [] } as const;
const results: readonly CaseResult[] = [
  { ...base, case: 'good', status: 'pass', reason: '', metrics },
  { ...base, case: 'wrong "1"', status: 'fail', reason: 'y: 1 < 2\nscale: 3 > 2', metrics },
  { ...base, case: 'odd', status: 'fail', invalid: true, reason: 'op "x" is unknown', metrics: null },
  { ...base, case: 'left', status: 'skip', reason: 'no kernel', metrics: null },
];
const report: BackendReport = {
  backend: { id: 'cpu', device: 'JS <1>' },
  cases: 4,
  passed: 1,
  failed: 2,
  skipped: 1,
  invalid: 1,
  results,
};

it('writes JUnit XML', () => {
  expect(renderJUnit([report])).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="preshuffle">
  <testsuite name="cpu a&amp;b.safetensors" tests="4" failures="1" errors="1" skipped="1" time="0.025">
    <properties><property name="device" value="JS &lt;1&gt;"/></properties>
    <testcase classname="encode" name="good" time="0.013"/>
    <testcase classname="encode" name="wrong &quot;1&quot;" time="0.013"><failure message="y: 1 &lt; 2">y: 1 &lt; 2
scale: 3 &gt; 2</failure></testcase>
    <testcase classname="encode" name="odd" time="0.000"><error message="op &quot;x&quot; is unknown">op &quot;x&quot; is unknown</error></testcase>
    <testcase classname="encode" name="left" time="0.000"><skipped message="no kernel"/></testcase>
  </testsuite>
</testsuites>
`);
});

it('writes a page that needs nothing from outside, failures first, never rounding up to 100 %', () => {
  const page = renderHtml([report]);
  expect(page).not.toMatch(/(src|href)=|https?:/);
  expect(page).toContain("default-src 'none'");
  expect(page).toContain('4 cases: 1 passed, 2 failed, 1 skipped');
  expect(page.indexOf('wrong &quot;1&quot;')).toBeLessThan(page.indexOf('>good<'));
  expect(page).toContain('99.99 %');
  expect(page).toContain('<td class="fail">unusable</td>');
});

it('draws the heat map of a failing tensor, run by run and shade by shade', () => {
  const map = {
    type: 'bf16',
    layout: 'row-major',
    dims: [
      { name: 'e', size: 2 },
      { name: 'n', size: 4 },
      { name: 'k', size: 32 },
    ],
    matrixDims: 1,
    matrices: 2,
    rows: 4,
    columns: 32,
    cell: [2, 8],
    grid: [2, 4],
    shown: [{ matrix: 1, mismatches: [0, 16, 16, 1, 0, -3], elements: [16, -7] }],
    perMatrix: { mismatches: [0, 33], elements: [128, 128] },
    parity16: [],
    blocks: [],
    padding: { mismatches: 0, elements: 0 },
    skew: [{ axis: 'n', text: 'all 33 mismatches have n < 2', covers: 0.5 }],
    worst: [],
  } as const;
  const tensors = [{ ...metrics, mismatches: 33, label: 'y <1>', op: 'encode', tensor: 'y', first: null, map }];
  const failing: CaseResult = { ...base, case: 'x', status: 'fail', reason: '', metrics: { ...metrics, tensors } };
  const page = renderHtml([{ ...report, results: [failing] }]);
  expect(page).not.toMatch(/(src|href)=|https?:/);
  expect(page).toContain(
    '<figure><figcaption>y &lt;1&gt;, y, e = 1: 33 of 128 elements differ; all 33 mismatches have n &lt; 2' +
      '<br>4 rows down, 32 columns across, a cell is 2 × 8</figcaption>',
  );
  expect(page).toContain('viewBox="0 0 4 2"');
  expect(page).toContain(
    '<path fill-opacity="0.125" d="M3 0h1v1h-1z"/><path fill-opacity="1" d="M1 0h2v1h-2z"/></svg>',
  );
});

describe('diagnoses', () => {
  const diagnosis = ['DIAGNOSIS [a-b] (100 % of 4 elements match): x < y | z.', 'remedy: none'];
  const failing: CaseResult = { ...base, case: 'x', status: 'fail', reason: 'y: wrong', metrics, diagnosis };
  const reports = [{ ...report, results: [failing, ...results] }];

  it('are in the text of a JUnit failure', () =>
    expect(renderJUnit(reports)).toContain(
      '<failure message="y: wrong">y: wrong\nDIAGNOSIS [a-b] (100 % of 4 elements match): x &lt; y | z.\nremedy: none</failure>',
    ));

  it('are a list in the page', () =>
    expect(renderHtml(reports)).toContain(
      '<pre>y: wrong</pre><ul><li>DIAGNOSIS [a-b] (100 % of 4 elements match): x &lt; y | z.</li><li>remedy: none</li></ul>',
    ));

  it('are in Markdown, and no text becomes markup', () =>
    expect(renderMarkdown(reports)).toMatchInlineSnapshot(`
    "# preshuffle verify

    ## cpu

    JS &lt;1>: **4 cases: 1 passed, 2 failed, 1 skipped**

    | case | op | differ | diagnosis |
    |---|---|--:|---|
    | \`x\` | \`encode\` | 1 of 6144 | DIAGNOSIS [a-b] (100 % of 4 elements match): x &lt; y \\| z. |
    | \`wrong "1"\` | \`encode\` | 1 of 6144 |  |
    | \`odd\` | \`encode\` |  | unusable |

    ### \`x\` in \`a&b.safetensors\`

    \`\`\`
    y: wrong
    \`\`\`

    - DIAGNOSIS [a-b] (100 % of 4 elements match): x &lt; y \\| z.
    - remedy: none

    ### \`wrong "1"\` in \`a&b.safetensors\`

    \`\`\`
    y: 1 < 2
    scale: 3 > 2
    \`\`\`

    ### \`odd\` in \`a&b.safetensors\`

    \`\`\`
    op "x" is unknown
    \`\`\`
    "
  `));
});
