import { wholeWindow } from '../../../src/diagnosis/crop.ts';
import { diagnose } from '../../../src/diagnosis/diagnose.ts';
import { observe } from '../../../src/diagnosis/evidence.ts';
import { cutOutputs, predict } from '../../../src/diagnosis/predict.ts';
import { samePrediction } from '../../../src/diagnosis/search.ts';
import type { OpName } from '../../../src/ops/registry.ts';
import { type ProbeOptions, probeCall } from '../../../src/probe/probe-call.ts';
import { NOISES, withLastBits, withNoise } from './noise.ts';
import { diagnosePlanted, hypothesesOf, plant, type Result, rightOutputs } from './plant.ts';

/** The probes in which mistakes of an op are planted. */
export interface Campaign {
  readonly op: OpName;
  readonly probes: readonly Omit<ProbeOptions, 'op' | 'data' | 'seed'>[];
}

export interface CampaignOptions {
  readonly seeds: readonly number[];
  /** Kinds of data for a probe by its number. Default: both for all. */
  readonly dataOf?: (probe: number) => readonly ('address-coded' | 'random')[];
  readonly budgetMs?: number;
  /** Share of the results of 16 bits that are one code off, as an honest kernel's are. Default 0. */
  readonly lastBits?: number;
  readonly onResult?: (result: Result) => void;
}

export interface CampaignResult {
  readonly results: readonly Result[];
  /** Ids of mistakes that showed in no probe. */
  readonly hidden: readonly string[];
  /** Right outputs, and outputs with noise, in which a mistake was named all the same. */
  readonly falseAlarms: readonly string[];
  /** Predictions of a window that differ from the window of the whole prediction: a hypothesis that mixes rows. */
  readonly torn: readonly string[];
}

/** Plants every mistake of an op in every probe, and asks for it. */
export async function runCampaign({ op, probes }: Campaign, options: CampaignOptions): Promise<CampaignResult> {
  const { seeds, dataOf = () => ['address-coded', 'random'] as const, budgetMs = 60_000, lastBits = 0 } = options;
  const results: Result[] = [];
  const falseAlarms: string[] = [];
  const torn = new Set<string>();
  const seen = new Set<string>();
  for (const [at, probe] of probes.entries()) {
    const data = dataOf(at);
    for (const kind of data) {
      for (const seed of seeds) {
        const call = probeCall({ ...probe, op, data: kind, seed });
        const right = rightOutputs(call);
        const where = `${op} ${JSON.stringify(probe)} ${kind} seed ${seed}`;
        const clean = await diagnose({ ...call, actual: right }, { budgetMs });
        if (clean.verdict !== 'correct') falseAlarms.push(`${where}, right outputs: ${clean.verdict}`);
        // One kind of noise for each probe; all of them come up over a campaign.
        const noise = NOISES[
          (at * seeds.length * data.length + results.length + seed) % NOISES.length
        ] as (typeof NOISES)[number];
        const noisy = await diagnose({ ...call, actual: withNoise(right, noise, seed) }, { budgetMs, pairs: false });
        if (noisy.explanations.length > 0) {
          const ids = noisy.explanations[0]?.mistakes.map(({ id }) => id).join('+');
          falseAlarms.push(`${where}, ${noise.name}: ${noisy.verdict} ${ids}`);
        }
        for (const [number, hypothesis] of hypothesesOf(op).entries()) {
          const planted = plant(call, right, hypothesis, seed + number);
          if (planted === undefined) continue;
          seen.add(hypothesis.id);
          const seenAs = { ...planted, actual: withLastBits(planted.actual, lastBits, seed + number) };
          const result = await diagnosePlanted(seenAs, { budgetMs, pairs: false });
          results.push(result);
          options.onResult?.(result);
          const window = {
            ...wholeWindow(right),
            rows: [0, wholeWindow(right).rowCount - 1].filter((row, i, all) => all.indexOf(row) === i),
          };
          const names = Object.keys(right);
          const cut = observe(cutOutputs(planted.actual, window), names);
          if (!samePrediction(observe(predict(planted.candidate.call, window), names), cut)) torn.add(hypothesis.id);
        }
      }
    }
  }
  const hidden = hypothesesOf(op).flatMap(({ id }) => (seen.has(id) ? [] : [id]));
  return { results, hidden, falseAlarms, torn: [...torn] };
}
