import type { ElementType } from '../formats/element-type.ts';

/** Dtype names of the safetensors format, as huggingface/safetensors spells them. */
export type SafetensorsDtype =
  | 'BOOL'
  | 'F4'
  | 'F6_E2M3'
  | 'F6_E3M2'
  | 'U8'
  | 'I8'
  | 'F8_E5M2'
  | 'F8_E4M3'
  | 'F8_E8M0'
  | 'F8_E4M3FNUZ'
  | 'F8_E5M2FNUZ'
  | 'I16'
  | 'U16'
  | 'F16'
  | 'BF16'
  | 'I32'
  | 'U32'
  | 'F32'
  | 'C64'
  | 'F64'
  | 'I64'
  | 'U64';

interface DtypeFacts {
  /** Bits of an element: elements narrower than a byte are packed. */
  readonly bits: number;
  /** The element type here; `undefined` where there is none (complex numbers, dense 6-bit codes). */
  readonly type: ElementType | undefined;
}

const DTYPES: Readonly<Record<SafetensorsDtype, DtypeFacts>> = {
  BOOL: { bits: 8, type: 'u8' },
  F4: { bits: 4, type: 'e2m1' },
  F6_E2M3: { bits: 6, type: undefined },
  F6_E3M2: { bits: 6, type: undefined },
  U8: { bits: 8, type: 'u8' },
  I8: { bits: 8, type: 'i8' },
  F8_E5M2: { bits: 8, type: 'e5m2' },
  F8_E4M3: { bits: 8, type: 'e4m3fn' },
  F8_E8M0: { bits: 8, type: 'e8m0' },
  F8_E4M3FNUZ: { bits: 8, type: 'e4m3fnuz' },
  F8_E5M2FNUZ: { bits: 8, type: 'e5m2fnuz' },
  I16: { bits: 16, type: 'i16' },
  U16: { bits: 16, type: 'u16' },
  F16: { bits: 16, type: 'f16' },
  BF16: { bits: 16, type: 'bf16' },
  I32: { bits: 32, type: 'i32' },
  U32: { bits: 32, type: 'u32' },
  F32: { bits: 32, type: 'f32' },
  C64: { bits: 64, type: undefined },
  F64: { bits: 64, type: 'f64' },
  I64: { bits: 64, type: 'i64' },
  U64: { bits: 64, type: 'u64' },
};

export const SAFETENSORS_DTYPES: readonly SafetensorsDtype[] = Object.keys(DTYPES) as SafetensorsDtype[];

export function isSafetensorsDtype(name: string): name is SafetensorsDtype {
  return Object.hasOwn(DTYPES, name);
}

/** Bits of one element. */
export function dtypeBits(dtype: SafetensorsDtype): number {
  return DTYPES[dtype].bits;
}

/** The element type of a dtype, `undefined` for complex numbers and dense 6-bit codes. */
export function dtypeElement(dtype: SafetensorsDtype): ElementType | undefined {
  return DTYPES[dtype].type;
}

/** The dtype that stores an element type; 6-bit codes are stored a byte each. */
export function elementDtype(type: ElementType): SafetensorsDtype {
  if (type === 'e2m3' || type === 'e3m2') return 'U8';
  return SAFETENSORS_DTYPES.find((name) => name !== 'BOOL' && DTYPES[name].type === type) ?? 'U8';
}
