import { describe, expect, it } from 'vitest';
import { diagnosisLines } from '../../src/diagnosis/report-text.ts';
import { verdictLine } from '../../src/diagnosis/report-words.ts';
import { correct, explained, explanation, pair, scaleShifted, shuffledTwice, unexplained } from './report-support.ts';

describe('the verdict', () => {
  it('names one mistake', () =>
    expect(verdictLine(explained)).toBe(
      'DIAGNOSIS (99.97 % of 4,096 elements match): output equals the reference if a weight is shuffled <twice>.',
    ));

  it('names two at once, which way, and that more fits', () =>
    expect(verdictLine(pair, true)).toBe(
      'DIAGNOSIS [weight-shuffled-twice + scale-shifted] (99.97 % of 4,096 elements match): output equals the reference if ' +
        'a weight is shuffled <twice>, and scales are shifted (by 1 group); another explanation fits as well.',
    ));

  it('turns the question round where the operands are mistaken', () =>
    expect(diagnosisLines({ ...explained, about: 'operands' }).slice(0, 2)).toEqual([
      'DIAGNOSIS [weight-shuffled-twice] (99.97 % of 4,096 elements match): these operands are what a mistake made of the right ones: a weight is shuffled <twice>.',
      'The kernel computed what these operands say, and that is not what was expected: the mistake is in the operands, or in what was expected.',
    ]));

  it.each([
    [
      { ...explained, verdict: 'partly' } as const,
      'PARTLY EXPLAINED (99.97 % of 4,096 elements match): 99.97 % of what is wrong comes right if a weight is shuffled <twice>; something else is wrong, too.',
    ],
    [
      { ...explained, verdict: 'rounding' } as const,
      'ROUNDING (99.97 % of 4,096 elements match): the output is right; it equals the reference to the last bit if a weight is shuffled <twice>.',
    ],
    [correct, 'CORRECT (100 % of 4,096 elements match): the output is what these operands give.'],
    [
      unexplained,
      'NOT EXPLAINED (2.34 % of 4,096 elements match): no known mistake with gemm_a8w8_blockscale_bpreshuffle gives this output, as far as the budget went.',
    ],
    [
      { ...unexplained, searched: { ...correct.searched, hypotheses: 0 } },
      'NOT EXPLAINED (2.34 % of 4,096 elements match): no mistakes with gemm_a8w8_blockscale_bpreshuffle are known here.',
    ],
  ])('%#', (diagnosis, line) => expect(verdictLine(diagnosis)).toBe(line));
});

describe('the lines for other reports', () => {
  it('say what to do and where it comes from', () =>
    expect(diagnosisLines(explained).slice(1)).toEqual([
      'remedy: Shuffle once | from the plain weight.',
      'origin: SGLang issue 28963',
    ]));

  it('say what fits as well and what tells it apart', () =>
    expect(diagnosisLines(pair).slice(1)).toEqual([
      'remedy: Shuffle once | from the plain weight.',
      'origin: SGLang issue 28963',
      'remedy: Start at group 0.',
      'origin: derived: a loader',
      'fits as well: [scale-late] scales are shifted',
      'to tell them apart: a weight whose rows differ',
    ]));

  it('count what they leave out', () => {
    const sameAs = ['a', 'b', 'c', 'd', 'e'].map((id) => [{ ...scaleShifted, id }]);
    const lines = diagnosisLines({ ...explained, explanations: [explanation([shuffledTwice], { sameAs })] });
    expect(lines.at(-1)).toBe('fits as well: 2 more');
    expect(lines[0]).toContain('; 5 other explanations fit as well.');
  });

  it('say what was seen, and that the budget ended the search', () =>
    expect(diagnosisLines(unexplained).slice(1)).toEqual([
      'seen: all rows are wrong',
      'the search stopped at its budget; "preshuffle diagnose --budget" tries more',
    ]));

  it('hold no times', () =>
    expect(diagnosisLines({ ...pair, searched: { ...pair.searched, ms: 7 } })).toEqual(diagnosisLines(pair)));
});
