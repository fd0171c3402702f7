export { type ElementType, elementBits, type IntegerType, isIntegerType } from '../formats/element-type.ts';
export { codeValue } from '../formats/read-codes.ts';
export { addressCode } from './address-coded.ts';
export {
  type BlockScale,
  type CodedTensor,
  codeText,
  describeElement,
  type ElementFacts,
  elementFacts,
  numberText,
  registerText,
  scaleCoord,
} from './describe-element.ts';
export { LayoutMismatchError } from './errors.ts';
export { asBytes, assume, materialize, storageBytes, TensorBytesError, tensor, tensorFrom } from './make.ts';
export type { ScaleEncoding, Tensor, TensorSpec } from './tensor.ts';
export { asF32, asF64, asI32, asU8, asU16, asU32 } from './views.ts';
