import { candidatesOf, unlessRejected } from '../diagnosis/candidate.ts';
import { wholeWindow } from '../diagnosis/crop.ts';
import { agreement, observe } from '../diagnosis/evidence.ts';
import { HYPOTHESES } from '../diagnosis/hypotheses/index.ts';
import type { Hypothesis } from '../diagnosis/hypothesis.ts';
import { predict } from '../diagnosis/predict.ts';
import { probeCommand } from '../diagnosis/probe-inputs.ts';
import type { KernelCall, NamedTensors } from '../ops/kernel-call.ts';
import { definitionOf, type OpName } from '../ops/registry.ts';
import { type ProbeOptions, probeCall, probeChoices, probeSizes, sizesOf } from '../probe/probe-call.ts';
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
    const { call, probe, wrong, how, elements, cosine: similarity, detail } = shown;
    const sizes = Object.entries(sizesOf(call)).map(([name, size]) => `${name}=${size}`);
    lines.push(
      `![How far the output is off, and what comes out against what should](img/${id}.svg)`,
      '',
      `Planted in \`${call.op}\` (${sizes.join(', ')}, ${probe.data} data${detail === '' ? '' : `; ${detail}`}), ${wrong} of ${elements} elements ` +
        `are ${how}; cosine to the right output ${similarity}.`,
      '',
      'To hold your own kernel against it:',
      '',
      '```sh',
      `npx ${probeCommand(probe)} --out case.safetensors --snippet run.py`,
      'python run.py                                  # your kernel; writes actual.safetensors',
      'npx preshuffle diagnose case.safetensors --actual actual.safetensors',
      '```',
      '',
    );
  }
  if (shown === undefined) lines.push('The probes of these ops do not show it: see what hides it.', '');
  if (incident !== undefined) {
    lines.push(`Where each element goes: \`npx preshuffle visualize '#v=1&screen=incidents&topic=${incident}'\`.`, '');
  }
  lines.push('[All mistakes](README.md)');
  return lines.join('\n');
}

interface Demonstration {
  readonly call: KernelCall;
  readonly probe: ProbeOptions;
  readonly detail: string;
  /** Elements that differ by more than an honest kernel may, or, where there are none, in their last bit. */
  readonly wrong: number;
  readonly how: string;
  readonly elements: number;
  readonly cosine: string;
  readonly picture: string;
}

/** The mistake in the first op and the first way in which it shows on a probe. */
function demonstration(hypothesis: Hypothesis): Demonstration | undefined {
  let inLastBit: Demonstration | undefined;
  for (const op of hypothesis.ops) {
    for (const probe of probesOf(op)) {
      const { call, right } = answered(probe);
      if (call === undefined || right === undefined) continue;
      const shown = shownOn(hypothesis, probe, call, right);
      if (shown?.how === 'wrong') return shown;
      inLastBit ??= shown;
    }
  }
  return inLastBit;
}

interface Answered {
  readonly call: KernelCall | undefined;
  readonly right: NamedTensors | undefined;
}

const answers = new Map<string, Answered>();

/** A probe and its right outputs; most mistakes are shown on the same few. */
function answered(probe: ProbeOptions): Answered {
  const key = JSON.stringify(probe);
  const known = answers.get(key);
  if (known !== undefined) return known;
  const call = unlessRejected(() => probeCall(probe));
  const right = call && unlessRejected(() => definitionOf(call.op).reference(call.params, call.operands));
  const answer = { call, right };
  answers.set(key, answer);
  return answer;
}

function shownOn(
  hypothesis: Hypothesis,
  probe: ProbeOptions,
  call: KernelCall,
  right: NamedTensors,
): Demonstration | undefined {
  const expected = observe(right);
  for (const candidate of candidatesOf(hypothesis, call)) {
    const outputs = unlessRejected(() => predict(candidate.call, wholeWindow(right)));
    if (outputs === undefined) continue;
    const actual = observe(outputs, Object.keys(right));
    const marks = agreement(call, expected, actual);
    const how = marks.includes(0) ? 'wrong' : 'different in the last bit';
    const shown = how === 'wrong' ? marks : marks.map((mark) => (mark === 2 ? 2 : 0));
    const wrong = shown.reduce((sum, mark) => sum + (mark === 0 ? 1 : 0), 0);
    if (wrong === 0) continue;
    return {
      call,
      probe,
      detail: candidate.mistakes[0]?.detail ?? '',
      wrong,
      how,
      elements: marks.length,
      cosine: cosine(expected.values, actual.values).toFixed(3),
      picture: wrongnessPicture(capital(hypothesis.title), expected, actual, shown),
    };
  }
  return undefined;
}

const LAYOUTS = ['separated', 'interleave', 'checkpoint', 'plain'] as const;

/** Probes in which a mistake may show: in every order that weights come in, quantised or not, of whole and of ragged sizes. */
function* probesOf(op: OpName): Generator<ProbeOptions, void, void> {
  const known = probeChoices(op);
  const sizes = probeSizes(op);
  const choices = [
    ...(known.includes('layout') ? LAYOUTS.map((layout) => ({ layout })) : [{}]),
    ...(known.includes('scales') ? [{ scales: 'packed' as const }] : []),
    ...(known.includes('type') ? (['f32', 'f16'] as const).map((type) => ({ type })) : []),
    ...(known.includes('second') ? [{ second: true }] : []),
  ];
  const params =
    op.startsWith('moe_stage') || op === 'fused_moe_mxfp4' ? [{}, { scheme: 'a8w4' }, { scheme: 'a4w4' }] : [{}];
  const ragged = [
    ['n', 304],
    ['k', 608],
    ['columns', 608],
    ['hidden', 320],
  ] as const;
  const others = ragged.filter(([name]) => name in sizes).map(([name, size]) => ({ [name]: size }));
  for (const given of params) {
    for (const changed of [{}, ...others]) {
      for (const data of ['random', 'address-coded'] as const) {
        for (const choice of choices) {
          yield { op, data, ...choice, params: given, sizes: { ...sizes, ...changed } };
        }
      }
    }
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
