import type { KernelCall } from '../../ops/kernel-call.ts';
import type { Hypothesis, MistakenCall, Variant } from '../hypothesis.ts';
import { fromIncident } from './from-incident.ts';
import { BOTH_STAGES } from './moe-call.ts';
import { type Matrix, type MatrixEdit, mapBytes, matricesOf, way, withMatrix } from './moe-parts.ts';

/** A mistake that happens to both matrices or to one of them. */
function eachOrBoth(edit: MatrixEdit, detail = ''): Hypothesis['variants'] {
  return (call) => {
    const matrices = matricesOf(call);
    const choices = matrices.length > 1 ? [matrices, ...matrices.map((matrix) => [matrix])] : [matrices];
    return choices
      .filter(({ length }) => length > 0)
      .map((chosen): Variant => {
        const name = chosen.map(({ kind }) => kind).join(' and ');
        return way(detail === '' ? name : `${name}, ${detail}`, () => edited(call, chosen, edit));
      });
  };
}

function edited(call: KernelCall, matrices: readonly Matrix[], edit: MatrixEdit): MistakenCall {
  return matrices.reduce<MistakenCall>((done, matrix) => withMatrix(done, matrix, edit), call);
}

const NAN = 255;
const ONE = 127;

/** Scales times a power of two; 255 stays NaN. */
function timesTwo(by: number): MatrixEdit {
  return {
    scale: (plain) => mapBytes(plain, (byte) => (byte === NAN ? NAN : Math.min(NAN - 1, Math.max(0, byte + by)))),
  };
}

/** Mistakes with what the bits of codes and scales mean. */
export const MOE_NUMBER_FORMAT_HYPOTHESES: readonly Hypothesis[] = [
  {
    ...fromIncident('moe-nibbles-swapped', {
      family: 'number format',
      ops: BOTH_STAGES,
      evidence: 'derived',
      remedy: 'Take the even element of each byte from the low nibble: GPT-OSS, OCP MX and AITER all pack that way.',
      hiddenBy: 'pairs of equal codes',
    }),
    variants: eachOrBoth({ weight: (plain) => mapBytes(plain, (pair) => ((pair & 15) << 4) | (pair >> 4)) }),
  },
  {
    id: 'moe-scale-bias-off',
    title: 'the exponent bias of the e8m0 scales is off by one',
    family: 'number format',
    ops: BOTH_STAGES,
    symptom: 'every product with that weight is doubled or halved',
    origin: 'derived: e8m0 decodes as 2^(byte - 127); 126 and 128 are the biases of other readings of the same bits',
    evidence: 'derived',
    remedy: 'Decode a scale byte as 2^(byte - 127): put it into the exponent field of a float32.',
    hiddenBy:
      'routing weights or activation scales that are off by the same factor give the same where there is no bias',
    variants: (call) => [...eachOrBoth(timesTwo(1), 'times 2')(call), ...eachOrBoth(timesTwo(-1), 'times 1/2')(call)],
  },
  {
    id: 'moe-scale-dropped',
    title: 'the scales are not applied: all are 1',
    family: 'number format',
    ops: BOTH_STAGES,
    symptom: 'outputs too large by the typical scale, and blocks in wrong proportion',
    origin: 'derived: kernels of AITER take scale bytes 0x7F for activations without scales (a_scale_one)',
    evidence: 'derived',
    remedy: 'Pass w1_scale and w2_scale of the checkpoint, and check that the loader has filled them.',
    hiddenBy: 'scales of 1',
    variants: eachOrBoth({ scale: (plain) => mapBytes(plain, () => ONE) }),
  },
  {
    id: 'moe-scale-bytes-signed',
    title: 'scale bytes are read as signed: those from 128 on become the smallest numbers',
    family: 'number format',
    ops: BOTH_STAGES,
    symptom: 'blocks with scales of 2 and above count as zero',
    origin: 'derived: checkpoints hold e8m0 as uint8 bytes, and a torch.int8 view of them raises no error',
    evidence: 'derived',
    remedy: 'View scales as uint8 or float8_e8m0fnu, never as int8.',
    hiddenBy: 'scales below 2, which those of most checkpoints are',
    variants: eachOrBoth({ scale: (plain) => mapBytes(plain, (byte) => (byte === NAN || byte < 128 ? byte : 0)) }),
  },
];
