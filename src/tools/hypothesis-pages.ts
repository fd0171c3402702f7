import { candidatesOf } from '../diagnosis/candidate.ts';
import { wholeWindow } from '../diagnosis/crop.ts';
import { agreement, observe } from '../diagnosis/evidence.ts';
import { HYPOTHESES } from '../diagnosis/hypotheses/index.ts';
import type { Hypothesis } from '../diagnosis/hypothesis.ts';
import { predict } from '../diagnosis/predict.ts';
import { PreshuffleError } from '../errors.ts';
import type { KernelCall, NamedTensors } from '../ops/kernel-call.ts';
import { definitionOf, type OpName } from '../ops/registry.ts';
import { probeCall, sizesOf } from '../probe/probe-call.ts';
import { wrongnessPicture } from './hypothesis-picture.ts';
import type { Page } from './page.ts';

const HEAD = '<!-- Written by src/tools/docs-tables.ts from src/diagnosis/hypotheses: "npm run docs". -->\n';

/** A page and a picture for each mistake that preshuffle knows, and the list of them. */
export function hypothesisPages(): readonly Page[] {
  return [
    { file: 'docs/diagnosis/README.md', text: `${HEAD}\n${indexPage()}\n` },
    ...HYPOTHESES.flatMap((hypothesis) => {
      const shown = demonstration(hypothesis);
      const page = { file: `docs/diagnosis/${hypothesis.id}.md`, text: `${HEAD}\n${pageOf(hypothesis, shown)}\n` };
      return shown === undefined
        ? [page]
        : [page, { file: `docs/diagnosis/img/${hypothesis.id}.svg`, text: `${shown.picture}\n` }];
    }),
  ];
}

function indexPage(): string {
  const families = [...new Set(HYPOTHESES.map(({ family }) => family))];
  const chapters = families.flatMap((family) => {
    const rows = HYPOTHESES.filter((hypothesis) => hypothesis.family === family).map(
      ({ id, title, symptom, evidence }) => `| [${id}](${id}.md) | ${title} | ${symptom} | ${evidence} |`,
    );
    return [
      '',
      `## ${capital(family)}`,
      '',
      '| id | what happened | what it looks like | evidence |',
      '|---|---|---|---|',
      ...rows,
    ];
  });
  return [
    '# Mistakes that preshuffle can name',
    '',
    `${HYPOTHESES.length} mistakes with layouts, scales, formats, routing and arithmetic. None of them raises an error in the kernel. ` +
      '`preshuffle diagnose` predicts what comes out under each and says which one explains an output; [diagnose.md](../diagnose.md) says how, ' +
      '[layout-bug-in-ten-minutes.md](../layout-bug-in-ten-minutes.md) leads from "my model answers nonsense" to the line to change.',
    '',
    '`reported` mistakes happened in the project named on their page; `derived` ones follow from the source of a loader or kernel.',
    ...chapters,
  ].join('\n');
}

function pageOf(hypothesis: Hypothesis, shown: Demonstration | undefined): string {
  const { id, title, family, symptom, origin, evidence, remedy, hiddenBy, ops, incident } = hypothesis;
  const lines = [
    `# ${capital(title)}`,
    '',
    `\`${id}\`, ${family}`,
    '',
    '| | |',
    '|---|---|',
    `| what it looks like | ${symptom} |`,
    `| where it comes from | ${origin} (${evidence}) |`,
    `| what to do | ${remedy} |`,
    `| what hides it | ${hiddenBy} |`,
    `| ops | ${ops.map((op) => `\`${op}\``).join(', ')} |`,
    '',
  ];
  if (shown !== undefined) {
    const { call, wrong, elements, cosine, detail } = shown;
    const sizes = Object.entries(sizesOf(call)).map(([name, size]) => `${name}=${size}`);
    lines.push(
      `![Where the output is wrong, and what comes out against what should](img/${id}.svg)`,
      '',
      `Planted in \`${call.op}\` (${sizes.join(', ')}, random data${detail === '' ? '' : `; ${detail}`}), ${wrong} of ${elements} elements ` +
        `are wrong; cosine to the right output ${cosine}.`,
      '',
      'To hold your own kernel against it:',
      '',
      '```sh',
      `npx preshuffle probe ${call.op} --sizes ${sizes.join(',')} --out case.safetensors --snippet run.py`,
      'python run.py                                  # your kernel; writes actual.safetensors',
      'npx preshuffle diagnose case.safetensors --actual actual.safetensors',
      '```',
      '',
    );
  }
  if (incident !== undefined) {
    lines.push(`Where each element goes: \`npx preshuffle visualize '#v=1&screen=incidents&topic=${incident}'\`.`, '');
  }
  lines.push('[All mistakes](README.md)');
  return lines.join('\n');
}

interface Demonstration {
  readonly call: KernelCall;
  readonly detail: string;
  readonly wrong: number;
  readonly elements: number;
  readonly cosine: string;
  readonly picture: string;
}

/** The mistake in the first op and the first way in which it shows on a probe of random data. */
function demonstration(hypothesis: Hypothesis): Demonstration | undefined {
  for (const call of callsOf(hypothesis.ops)) {
    const { op, params, operands } = call;
    const right: NamedTensors = definitionOf(op).reference(params, operands);
    const expected = observe(right);
    for (const candidate of candidatesOf(hypothesis, call)) {
      const outputs = predicted(() => predict(candidate.call, wholeWindow(right)));
      if (outputs === undefined) continue;
      const actual = observe(outputs, Object.keys(right));
      const marks = agreement(call, expected, actual);
      const wrong = marks.reduce((sum, mark) => sum + (mark === 0 ? 1 : 0), 0);
      if (wrong === 0) continue;
      return {
        call,
        detail: candidate.mistakes[0]?.detail ?? '',
        wrong,
        elements: marks.length,
        cosine: cosine(expected.values, actual.values).toFixed(3),
        picture: wrongnessPicture(capital(hypothesis.title), expected, actual, marks),
      };
    }
  }
  return undefined;
}

/** Probes in which a mistake may show: of every op, and of the layouts that its weights come in. */
function* callsOf(names: readonly OpName[]): Generator<KernelCall, void, void> {
  for (const op of names) {
    for (const layout of ['separated', 'interleave', 'checkpoint', 'plain'] as const) {
      const call = predicted(() => probeCall({ op, data: 'random', seed: 1, layout }));
      if (call !== undefined) yield call;
    }
  }
}

/** A wrong layout does not take every shape. */
function predicted<T>(compute: () => T): T | undefined {
  try {
    return compute();
  } catch (error) {
    if (error instanceof PreshuffleError) return undefined;
    throw error;
  }
}

function cosine(a: Float64Array, b: Float64Array): number {
  let [dot, one, two] = [0, 0, 0];
  for (let index = 0; index < a.length; index += 1) {
    const [x, y] = [a[index] as number, b[index] as number];
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    dot += x * y;
    one += x * x;
    two += y * y;
  }
  return one === 0 || two === 0 ? 0 : dot / Math.sqrt(one * two);
}

/** Names such as e4m3fn and w13 stay as they are. */
function capital(title: string): string {
  return /^\w*\d/.test(title) ? title : title.replace(/^./, (letter) => letter.toUpperCase());
}
