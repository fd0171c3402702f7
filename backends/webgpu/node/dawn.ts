import { ParameterError } from '../../../src/errors.ts';
import { importByName } from './builtin.ts';

/** Dawn toggles in use. Dawn ignores names that it does not know, so that a typing error would go unnoticed. */
export type DawnToggle =
  | 'allow_unsafe_apis'
  | 'disable_robustness'
  | 'disable_workgroup_init'
  | 'timestamp_quantization'
  | 'vulkan_enable_f16_on_nvidia';

const TOGGLES: readonly DawnToggle[] = [
  'allow_unsafe_apis',
  'disable_robustness',
  'disable_workgroup_init',
  'timestamp_quantization',
  'vulkan_enable_f16_on_nvidia',
];

export interface DawnOptions {
  /** Default: what Dawn finds. `null` validates shaders and runs nothing. */
  readonly backend?: 'null' | 'vulkan' | 'metal' | 'd3d12';
  readonly enable?: readonly DawnToggle[];
  readonly disable?: readonly DawnToggle[];
}

interface WebGpuPackage {
  create(flags: string[]): GPU;
}

/** What `create()` returned must outlive every adapter and device, or the process dies later; and `globalThis` is not ours. */
const instances: GPU[] = [];

/**
 * Starts Dawn from npm `webgpu`.
 * @throws Error when the package is not installed or has no binary for this platform
 */
export async function createDawn(options: DawnOptions = {}): Promise<GPU> {
  const flags = dawnFlags(options);
  const { create } = (await importByName('webgpu')) as WebGpuPackage;
  const instance = create(flags);
  instances.push(instance);
  return instance;
}

/** The flag strings of npm `webgpu`. @throws ParameterError on a toggle that is not in our list */
export function dawnFlags({ backend, enable = [], disable = [] }: DawnOptions): string[] {
  for (const toggle of [...enable, ...disable]) {
    if (TOGGLES.includes(toggle)) continue;
    throw new ParameterError('createDawn', 'toggle', `is "${toggle}", expected one of ${TOGGLES.join(', ')}.`);
  }
  return [
    ...(backend === undefined ? [] : [`backend=${backend}`]),
    ...(enable.length === 0 ? [] : [`enable-dawn-features=${enable.join(',')}`]),
    ...(disable.length === 0 ? [] : [`disable-dawn-features=${disable.join(',')}`]),
  ];
}
