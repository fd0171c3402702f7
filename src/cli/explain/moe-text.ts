import { describeRange, type MoeVerdictRow, type MoeVerdicts } from '../../dispatch/moe/situation.ts';
import { paint } from '../colors.ts';
import type { MoeAnswer } from './moe.ts';
import { renderSteps } from './steps-text.ts';
import { formatBytes, plainTable, renderDecision } from './text.ts';

/** One layer: sizes, decisions, the plan with its bytes, and what every order of w13 would give. */
export function renderMoe(answer: MoeAnswer, verbose: boolean): string {
  const color = paint(process.stdout);
  const { situation, plan, refused, verdicts } = answer;
  const { decisions, outcome } = situation;
  const lines = [...head(answer), '', ...decisions.map((decision) => renderDecision(decision, verbose)), ''];
  if (plan !== undefined) {
    const { cost } = plan;
    // Decisions of single steps come last in a plan.
    lines.splice(
      lines.length - 1,
      0,
      ...plan.decisions.slice(decisions.length).map((one) => renderDecision(one, verbose)),
    );
    lines.push(
      renderSteps(plan, ({ kind }) => kind, ['flatten', 'slice']),
      '',
      `once at load: ${formatBytes(cost.load.bytesRead)} read, ${formatBytes(cost.load.bytesWritten)} written`,
      `every call:   ${formatBytes(cost.call.bytesRead)} read at most, ${formatBytes(cost.call.bytesWritten)} written`,
    );
  } else lines.push(color('red', `refused: ${refused?.message}`));
  lines.push(...(plan?.warnings ?? outcome.warnings).map((text) => color('yellow', `note: ${text}`)), '');
  lines.push(...renderVerdicts(verdicts));
  return lines.join('\n');
}

function head({ situation, plan }: MoeAnswer): readonly string[] {
  const color = paint(process.stdout);
  const { moe, arrival, kernels, stored, outcome } = situation;
  const { sizes, channels, rank, experts, topk } = moe;
  const padded = (size: number, wide: number): string => (size === wide ? String(size) : `${size} padded to ${wide}`);
  const names = kernels.stage1 === kernels.kernel ? '' : ` (${kernels.stage1}, ${kernels.stage2})`;
  const flags = Object.entries(arrival.flags).map(([weight, isSet]) => `${weight} ${isSet ? 'yes' : 'no'}`);
  return [
    `${color('bold', moe.layer)}  E = ${experts}, topk ${topk}, H = ${padded(sizes.hidden, sizes.paddedHidden)}, ` +
      `I = ${padded(sizes.rankInter, sizes.paddedInter)} on rank ${rank} of ${sizes.tp}  m = ${moe.m}  gfx950`,
    `channels ${channels.start} … ${channels.start + channels.count - 1}, hidden_pad ${sizes.hiddenPad}, intermediate_pad ${sizes.intermediatePad}`,
    `loader ${moe.loader.id}, AITER ${moe.aiter}  gate_mode ${arrival.gateMode}  is_shuffled ${flags.join(', ')}`,
    `kernel  ${color('bold', kernels.kernel)}${names}${plan === undefined ? '' : `  ${plan.scheme}, blocks of ${plan.blockM} tokens`}`,
    `w13     stored as ${stored.w13}, read as ${kernels.expects ?? 'nothing that is known'}: ${verdictText(outcome, paint(process.stdout))}`,
  ];
}

type Painter = ReturnType<typeof paint>;

function verdictText({ verdict, orElse, evidence }: MoeVerdictRow['outcomes'][number], color: Painter): string {
  const words = { right: 'right', 'silently-wrong': 'silently wrong', error: 'error' } as const;
  const first = color(verdict === 'right' ? 'green' : 'red', words[verdict]);
  const or = orElse === undefined ? '' : ` or ${words[orElse]}`;
  return `${first}${or}${evidence === 'source' ? '' : ` (${EVIDENCE[evidence]})`}`;
}

const EVIDENCE = { source: '', issue: 'from an issue', derived: 'derived', open: 'open' } as const;

function renderVerdicts({ ranges, rows }: MoeVerdicts): readonly string[] {
  const color = paint(process.stdout);
  const heads = ranges.map((range) => describeRange(range));
  const kernels = ranges.map(({ kernel, expects }) => `${kernel}${expects === undefined ? '' : ` reads ${expects}`}`);
  const body = rows.map(({ w13, title, outcomes }) => [
    w13,
    title,
    ...outcomes.map((outcome) => verdictText(outcome, color)),
  ]);
  return [
    'what the same call makes of w13 in every order:',
    plainTable(
      ['', 'w13', ...heads],
      [['', '', ...kernels], ...body],
      ['left', 'left', ...heads.map((): 'left' => 'left')],
    ),
  ];
}
