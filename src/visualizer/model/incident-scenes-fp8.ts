import type { PairScene } from './diff.ts';
import type { IncidentPicture, IncidentScene } from './incident-scene.ts';

const SCALE = { type: 'f32', shape: [32, 8], experts: 1 } as const;
const WEIGHT = { type: 'e4m3fn', shape: [64, 128], experts: 1 } as const;

const pair = (size: Omit<PairScene, 'a' | 'b'>, a: string, b: string): IncidentPicture => ({
  kind: 'pair',
  pair: { ...size, a, b },
});

const ONE_TOKEN =
  'One token gives right answers, several give finite garbage, and mean and maximum of the scales are what they should be';

/** Mistakes with weights and scales of FP8 multiplications. */
export const FP8_SCENES: readonly IncidentScene[] = [
  {
    id: 'scale-transposed-twice',
    title: 'the activation scale is transposed a second time',
    happens:
      'The quantiser already stored the scales column by column under row-major metadata, and the caller transposes what that metadata describes once more.',
    looks: `${ONE_TOKEN}.`,
    origin: 'SGLang PR 24476 (first revision), PR 31490',
    operand: 'activation scale',
    picture: pair(SCALE, '(m0 m1:8) (g) -> m1 g m0', 'scale-cm'),
  },
  {
    id: 'scale-not-transposed',
    title: 'a row-major activation scale goes to a kernel that reads column by column',
    happens: 'The quantiser stores the scales row by row, and the preshuffled kernel reads them column by column.',
    looks: 'One token gives right answers, because a single row is also a column; more tokens give finite garbage.',
    origin: 'SGLang PR 23319, before the copy was added',
    operand: 'activation scale',
    picture: pair(SCALE, 'scale-rm', 'scale-cm'),
  },
  {
    id: 'scale-transposed-read-row-major',
    title: 'a transposed view goes to a kernel that reads rows',
    happens:
      'The scales lie column by column under row-major metadata, which satisfies every check of a kernel that reads rows.',
    looks: `${ONE_TOKEN}.`,
    origin: 'SGLang PR 31490, 31727: DeepSeek-V4-Flash, GSM8K .925 to .912',
    operand: 'activation scale',
    picture: pair(SCALE, 'scale-tv', 'scale-rm'),
  },
  {
    id: 'weight-shuffled-read-plain',
    title: 'a shuffled weight goes to a kernel that reads plain ones',
    happens:
      'The weight was shuffled when it was loaded, the flag that says so was lost, and a kernel for plain weights runs.',
    looks: 'Every number of tokens gives finite garbage, with the usual range of values.',
    origin: 'SGLang PR 26884: is_shuffled was lost, and a kernel without preshuffle was picked',
    operand: 'weight',
    picture: pair(WEIGHT, 'shuffle_weight(16,16)', 'row-major'),
  },
  {
    id: 'weight-plain-read-shuffled',
    title: 'a plain weight goes to a kernel that reads shuffled ones',
    happens:
      'At load time the rules say that no shuffle is needed, and at run time they pick a kernel that expects one.',
    looks: 'Every number of tokens gives finite garbage, with the usual range of values.',
    origin: 'SGLang: the table of shapes answered differently at load and at run time',
    operand: 'weight',
    picture: pair(WEIGHT, 'row-major', 'shuffle_weight(16,16)'),
  },
  {
    id: 'weight-shuffled-twice',
    title: 'a weight is shuffled when it is loaded again',
    happens:
      'New weights are copied into the shuffled tensor, or the shuffled ones stay, and the loader shuffles once more.',
    looks:
      'Finite garbage after an update of the weights, except for shapes such as 64 x 256 where the second shuffle undoes the first.',
    origin: 'SGLang issue 28963: weights updated in place',
    operand: 'weight',
    // The shuffle of a 64 x 128 weight, applied to its own output.
    picture: pair(WEIGHT, '(n0 n1:2 n2:4 n3:2) (k0 k1:2 k2:16) -> n0 n2 n3 k0 k1 n1 k2', 'shuffle_weight(16,16)'),
  },
  {
    id: 'weight-tile-32',
    title: 'a weight shuffled for older assembly kernels, tiles of 32 rows, is read with tiles of 16',
    happens: 'The weight is stored in tiles of 32 rows, and the kernel walks it in tiles of 16.',
    looks: 'Finite garbage in which a quarter of the weights is right, and nothing leaves its block of 32 rows.',
    origin: 'AITER issue 671',
    operand: 'weight',
    picture: pair(WEIGHT, 'shuffle_weight(32,16)', 'shuffle_weight(16,16)'),
  },
  {
    id: 'scale-dropped',
    title: 'the codes arrive without their scale',
    happens:
      'An early return hands on the quantised codes and leaves their scales behind, and the kernel multiplies with 1.',
    looks: 'Every token is off by a factor of its own, so that each looks plausible alone.',
    origin: 'SGLang PR 21403: an early return handed on the codes and dropped the pair',
    operand: 'activation scale',
    picture: { kind: 'bits', panel: 'scale-dropped' },
  },
  {
    id: 'scale-truncated-to-ue8m0',
    title: 'float32 weight scales lose their mantissa where UE8M0 is read, without requantisation',
    happens:
      'Only the exponent of each float32 scale is kept, which rounds it down to a power of two, and the codes stay as they are.',
    looks:
      'Each 128 x 128 block is too small by a factor between 1 and 2, so that the cosine similarity stays high and accuracy drops.',
    origin: 'SGLang issue 25733: scales must be rounded up, and codes requantised with them',
    operand: 'weight scale',
    picture: { kind: 'bits', panel: 'scale-truncated' },
  },
  {
    id: 'scale-ceiled-without-requant',
    title: 'weight scales are rounded up to powers of two and the codes stay',
    happens: 'Each float32 scale is rounded up to a power of two, and the codes are not divided by the new scale.',
    looks:
      'Each 128 x 128 block is too large by a factor between 1 and 2, so that the cosine similarity stays high and accuracy drops.',
    origin: 'SGLang PR 22300: format_ue8m0 set without requantisation',
    operand: 'weight scale',
    picture: { kind: 'bits', panel: 'scale-ceiled' },
  },
  {
    id: 'float-scale-read-as-ue8m0',
    title: 'the bits of a float32 scale are read as four packed exponents',
    happens: 'The kernel expects four e8m0 exponents in each 32-bit word, and gets one float32 scale there.',
    looks: 'Infinities, zeros and NaN appear at once, and accuracy is 0.',
    origin: 'SGLang PR 22300: TRTLLM with DeepGEMM switched off',
    operand: 'weight scale',
    picture: { kind: 'bits', panel: 'float-as-exponents' },
  },
  {
    id: 'ue8m0-read-as-float-scale',
    title: 'four packed exponents are read as a float32 scale',
    happens: 'Four e8m0 exponents share a 32-bit word, and the kernel reads the word as one float32 scale.',
    looks:
      'Results are near the largest float or infinite, zeros stand where a word has no fourth exponent, and answers are rows of exclamation marks.',
    origin: 'SGLang issue 26306: answers of exclamation marks',
    operand: 'weight scale',
    picture: { kind: 'bits', panel: 'exponents-as-float' },
  },
  {
    id: 'fn-read-as-fnuz',
    title: 'e4m3fn weights are multiplied as e4m3fnuz without doubling the scale',
    happens:
      'The checkpoint holds e4m3fn codes, gfx942 multiplies e4m3fnuz, whose exponent counts one further, and nothing doubles the scale.',
    looks: 'Every output is exactly half, but for NaN wherever a weight is minus zero.',
    origin: 'gfx942 with a checkpoint that was never normalised',
    operand: 'weight',
    picture: { kind: 'bits', panel: 'fn-as-fnuz' },
  },
];
