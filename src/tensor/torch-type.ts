import type { ElementType } from '../formats/element-type.ts';

const TORCH_TYPES: Readonly<Partial<Record<ElementType, string>>> = {
  bf16: 'torch.bfloat16',
  f16: 'torch.float16',
  f32: 'torch.float32',
  f64: 'torch.float64',
};

/** The torch dtype in which every torch moves such elements: narrow floats as bytes. */
export function torchType(type: ElementType): string {
  return TORCH_TYPES[type] ?? 'torch.uint8';
}
