export { addressCode } from './address-coded.ts';
export {
  type BlockScale,
  type CodedTensor,
  codeText,
  codeValue,
  describeElement,
  type ElementFacts,
  elementFacts,
  numberText,
  registerText,
  scaleCoord,
} from './describe-element.ts';
export { type ElementType, elementBits, type IntegerType, isIntegerType } from './element-type.ts';
export { LayoutMismatchError } from './errors.ts';
export { asBytes, assume, materialize, storageBytes, TensorBytesError, tensor, tensorFrom } from './make.ts';
export type { ScaleEncoding, Tensor, TensorSpec } from './tensor.ts';
export { asF32, asF64, asI32, asU8, asU16, asU32 } from './views.ts';
