import type { Diagnosis, Explanation, NamedMistake } from '../../src/diagnosis/diagnosis.ts';
import type { DiagnosisReport } from '../../src/diagnosis/report.ts';

/** A mistake with marks of every markup in its texts. */
export const shuffledTwice: NamedMistake = {
  id: 'weight-shuffled-twice',
  title: 'a weight is shuffled <twice>',
  detail: '',
  family: 'weight layout',
  symptom: 'finite garbage & no error',
  origin: 'SGLang issue 28963',
  evidence: 'reported',
  remedy: 'Shuffle once | from the plain weight.',
  hiddenBy: 'shapes that two rounds bring back',
  incident: 'weight-shuffled-twice',
  permalink: '#v=1&screen=incidents&topic=weight-shuffled-twice',
};

export const scaleShifted: NamedMistake = {
  ...shuffledTwice,
  id: 'scale-shifted',
  title: 'scales are shifted',
  detail: 'by 1 group',
  family: 'scale layout',
  origin: 'a loader',
  evidence: 'derived',
  remedy: 'Start at group 0.',
  incident: undefined,
  permalink: undefined,
};

const asGiven = { elements: 4096, matched: 96, equal: 0, wrong: 4000, mended: 0, broken: 0 };

export function explanation(mistakes: readonly NamedMistake[], more: Partial<Explanation> = {}): Explanation {
  const evidence = { elements: 4096, matched: 4095, equal: 4000, wrong: 4000, mended: 3999, broken: 0 };
  return { mistakes, evidence, match: 4095 / 4096, sameAs: [], tellApart: '', ...more };
}

export const explained: Diagnosis = {
  op: 'gemm_a8w8_blockscale_bpreshuffle',
  verdict: 'explained',
  about: 'kernel',
  asGiven,
  explanations: [explanation([shuffledTwice])],
  symptoms: ['all rows are wrong'],
  searched: { rows: 8, columns: 512, hypotheses: 30, variants: 44, pairs: 0, ms: 120, complete: true },
};

export const pair: Diagnosis = {
  ...explained,
  verdict: 'ambiguous',
  explanations: [
    explanation([shuffledTwice, scaleShifted], {
      sameAs: [[{ ...scaleShifted, id: 'scale-late', detail: '' }]],
      tellApart: 'a weight whose rows differ',
    }),
  ],
};

export const unexplained: Diagnosis = {
  ...explained,
  verdict: 'unexplained',
  explanations: [],
  searched: { ...explained.searched, complete: false },
};

export const correct: Diagnosis = {
  ...explained,
  verdict: 'correct',
  asGiven: { elements: 4096, matched: 4096, equal: 4096, wrong: 0, mended: 0, broken: 0 },
  explanations: [],
  symptoms: [],
  searched: { ...explained.searched, variants: 0 },
};

export function reportOf(diagnosis: Diagnosis): DiagnosisReport {
  const subject = { file: 'a&b.safetensors', case: 'one', actual: 'run.npy', expected: 'reference' };
  return { subject, diagnosis, maps: [] };
}
