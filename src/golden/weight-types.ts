/** Element types by the `dtype` of golden weight cases. */
export const WEIGHT_TYPES = {
  u8: 'u8',
  i8: 'i8',
  e4m3fn: 'e4m3fn',
  e4m3fnuz: 'e4m3fnuz',
  e5m2: 'e5m2',
  bf16: 'bf16',
  f16: 'f16',
  fp4x2: 'e2m1',
} as const;
