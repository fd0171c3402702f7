import { describe, expect, it } from 'vitest';
import { renderDiagnosisHtml } from '../../src/diagnosis/report-html.ts';
import { renderDiagnosisJUnit } from '../../src/diagnosis/report-junit.ts';
import { renderDiagnosisMarkdown } from '../../src/diagnosis/report-markdown.ts';
import { wrongMaps } from '../../src/diagnosis/wrong-map.ts';
import { tensorFrom } from '../../src/tensor/make.ts';
import { correct, explained, pair, reportOf, unexplained } from './report-support.ts';

const call = { op: 'swiglu', params: {}, operands: {} } as const;
const f32 = (values: readonly number[]) => tensorFrom('y', 'f32', [2, 4], Float32Array.from(values));

describe('Markdown', () => {
  it('tells the cause, the remedy and the evidence, and no text becomes markup', () =>
    expect(renderDiagnosisMarkdown(reportOf(pair))).toMatchInlineSnapshot(`
      "**DIAGNOSIS (99.97 % of 4,096 elements match)**: output equals the reference if a weight is shuffled &lt;twice>, and scales are shifted (by 1 group); another explanation fits as well.

      \`gemm_a8w8_blockscale_bpreshuffle\`, case \`one\` of \`a&b.safetensors\`; actual \`run.npy\`, expected \`reference\`

      - **Cause**: a weight is shuffled &lt;twice> (\`weight-shuffled-twice\`, weight layout)
      - **Remedy**: Shuffle once \\| from the plain weight.
      - **Origin**: SGLang issue 28963
      - **Looks like**: finite garbage & no error
      - **Hidden by**: shapes that two rounds bring back
      - **Picture**: \`preshuffle visualize '#v=1&screen=incidents&topic=weight-shuffled-twice'\`

      - **Cause**: scales are shifted (by 1 group) (\`scale-shifted\`, scale layout)
      - **Remedy**: Start at group 0.
      - **Origin**: derived: a loader
      - **Looks like**: finite garbage & no error
      - **Hidden by**: shapes that two rounds bring back

      Fits as well:

      - scales are shifted (\`scale-late\`)

      To tell them apart: a weight whose rows differ

      | output if | match | wrong mended | right broken | to the bit |
      |---|--:|--:|--:|--:|
      | as given | 2.34 % | 0 of 4,000 | 0 | 0.00 % |
      | \`weight-shuffled-twice + scale-shifted\` | 99.97 % | 3,999 of 4,000 | 0 | 97.65 % |

      - all rows are wrong

      <sub>Looked at 8 x 512 elements; 30 mistakes in 44 ways, 0 pairs.</sub>
      "
    `));

  it('of a right output is short', () =>
    expect(renderDiagnosisMarkdown(reportOf(correct))).toMatchInlineSnapshot(`
    "**CORRECT (100 % of 4,096 elements match)**: the output is what these operands give.

    \`gemm_a8w8_blockscale_bpreshuffle\`, case \`one\` of \`a&b.safetensors\`; actual \`run.npy\`, expected \`reference\`

    <sub>Looked at 8 x 512 elements.</sub>
    "
  `));
});

describe('HTML', () => {
  const page = renderDiagnosisHtml(reportOf(pair));
  it('needs nothing from outside and runs nothing', () => {
    expect(page).not.toMatch(/(src|href)=|https?:|<script|style="| on\w+=/);
    expect(page).toContain("default-src 'none'");
  });

  it('escapes every text', () => {
    expect(page).toContain('a&amp;b.safetensors');
    expect(page).toContain('a weight is shuffled &lt;twice&gt;');
    expect(page).not.toContain('<twice>');
  });

  it('draws a bar for the call as given and for each explanation', () => {
    expect(page.match(/<rect /g)).toHaveLength(6);
    expect(page).toContain('aria-label="99.97 %, 3,999 of 4,000"');
    expect(page).toContain('<rect class="matched" width="2.3" height="1"/>');
    expect(renderDiagnosisHtml(reportOf(correct))).toContain('aria-label="none"');
  });

  it('draws where outputs are wrong', () => {
    const maps = wrongMaps(call, { y: f32([0, 1, 2, 3, 4, 5, 6, 7]) }, { y: f32([0, 1, 2, 3, 4, 9, 6, 7]) });
    expect(renderDiagnosisHtml({ ...reportOf(explained), maps })).toContain(
      '<figcaption>y, y: 1 of 8 elements differ<br>2 rows down, 4 columns across, a cell is 1 × 1</figcaption>',
    );
  });
});

it('JUnit has a failure for what is wrong, and none for what is right', () => {
  expect(renderDiagnosisJUnit([explained, unexplained, correct].map(reportOf))).toMatchInlineSnapshot(`
    "<?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="preshuffle">
      <testsuite name="diagnose a&amp;b.safetensors" tests="3" failures="2" errors="0" skipped="0" time="0.360">
        <testcase classname="gemm_a8w8_blockscale_bpreshuffle" name="one" time="0.120"><failure message="DIAGNOSIS [weight-shuffled-twice] (99.97 % of 4,096 elements match): output equals the reference if a weight is shuffled &lt;twice&gt;.">DIAGNOSIS [weight-shuffled-twice] (99.97 % of 4,096 elements match): output equals the reference if a weight is shuffled &lt;twice&gt;.
    remedy: Shuffle once | from the plain weight.
    origin: SGLang issue 28963</failure></testcase>
        <testcase classname="gemm_a8w8_blockscale_bpreshuffle" name="one" time="0.120"><failure message="NOT EXPLAINED (2.34 % of 4,096 elements match): no known mistake with gemm_a8w8_blockscale_bpreshuffle gives this output, as far as the budget went.">NOT EXPLAINED (2.34 % of 4,096 elements match): no known mistake with gemm_a8w8_blockscale_bpreshuffle gives this output, as far as the budget went.
    seen: all rows are wrong
    the search stopped at its budget; &quot;preshuffle diagnose --budget&quot; tries more</failure></testcase>
        <testcase classname="gemm_a8w8_blockscale_bpreshuffle" name="one" time="0.120"/>
      </testsuite>
    </testsuites>
    "
  `);
});

describe('maps of wrong elements', () => {
  it('count what differs by more than a kernel may', () => {
    const [map, ...others] = wrongMaps(
      call,
      { y: f32([0, 1, 2, 3, 4, 5, 6, Number.NaN]), z: f32([0, 0, 0, 0, 0, 0, 0, 0]) },
      { y: f32([0, 1.0000001, 2, 3, -4, 5, 6, 7]), z: f32([0, 0, 0, 0, 0, 0, 0, 0]) },
    );
    expect(others).toEqual([]);
    expect(map).toMatchObject({
      output: 'y',
      elements: 8,
      wrong: 2,
      map: { shown: [{ mismatches: [0, -3, 1, 0, 0, 1] }] },
    });
  });

  it('leave out outputs that nothing is known of', () =>
    expect(wrongMaps(call, { y: f32([0, 1, 2, 3, 4, 5, 6, 7]) }, {})).toEqual([]));
});
