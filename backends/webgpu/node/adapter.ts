import { BackendUnavailableError, ParameterError } from '../../../src/errors.ts';
import { type AdapterChoice, type AdapterKind, adapterName, type FoundAdapter, isSoftware } from '../adapter-info.ts';
import { builtin } from './builtin.ts';
import { createDawn } from './dawn.ts';
import { findSoftwareVulkan, type SoftwareVulkan } from './software-vulkan.ts';
import { hasSystemLoader, preloadLoader } from './vulkan-loader.ts';

/** Overrides the choice between GPU and software: `hardware` or `software`. */
const VARIABLE = 'PRESHUFFLE_WEBGPU';

/** Finds an adapter through npm `webgpu`: a GPU, else SwiftShader. @throws BackendUnavailableError */
export async function findNodeAdapter(choice: AdapterChoice): Promise<FoundAdapter> {
  const kind = choice.kind ?? kindFromEnvironment();
  const tried: string[] = [];
  await givePlaceForSockets();
  const system = kind === 'software' ? undefined : await trySystem(tried);
  if (system !== undefined && !system.software) return system;
  if (kind === 'hardware') {
    throw new BackendUnavailableError(
      'webgpu',
      'a GPU was asked for, and no GPU driver that WebGPU can use is here.',
      tried,
    );
  }
  // A software driver that the system offers is used only when SwiftShader is not to be had.
  const found = (await trySoftware(tried)) ?? system;
  if (found !== undefined) return found;
  throw new BackendUnavailableError(
    'webgpu',
    'no GPU driver and no software Vulkan was found. Install npm @sparticuz/chromium (it holds SwiftShader) or a GPU driver.',
    tried,
  );
}

function kindFromEnvironment(): AdapterKind {
  const value = process.env[VARIABLE];
  if (value === undefined || value === '' || value === 'auto') return 'auto';
  if (value === 'hardware' || value === 'software') return value;
  throw new ParameterError('environment', VARIABLE, `is "${value}", expected hardware, software or auto.`);
}

/** Vulkan loaders complain on stderr, once an adapter request, when this is not set. */
async function givePlaceForSockets(): Promise<void> {
  process.env.XDG_RUNTIME_DIR ??= (await builtin('os')).tmpdir();
}

async function trySystem(tried: string[]): Promise<FoundAdapter | undefined> {
  if (process.platform === 'linux' && !(await hasSystemLoader())) {
    tried.push('GPU driver: the system has no Vulkan loader (libvulkan.so.1)');
    return undefined;
  }
  const found = await tryDawn('GPU driver', tried);
  if (found?.software === true)
    tried.push(`GPU driver: only ${adapterName(found.adapter.info)}, which runs on the CPU`);
  return found;
}

async function trySoftware(tried: string[]): Promise<FoundAdapter | undefined> {
  const software = await findSoftwareVulkan(tried);
  if (software === undefined) return undefined;
  if (!(await hasSystemLoader()) && !(await preloadLoader(software.loader))) {
    tried.push(`${software.loader}: could not be loaded`);
    return undefined;
  }
  return withDriver(software, () => tryDawn(software.source, tried));
}

/** Points the Vulkan loader at one driver while `action` runs. It reads the variables when an instance is created. */
async function withDriver<T>({ manifest }: SoftwareVulkan, action: () => Promise<T>): Promise<T> {
  const names = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'] as const;
  const before = names.map((name) => process.env[name]);
  for (const name of names) process.env[name] = manifest;
  try {
    return await action();
  } finally {
    for (const [index, name] of names.entries()) {
      const value = before[index];
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

async function tryDawn(source: string, tried: string[]): Promise<FoundAdapter | undefined> {
  let adapter: GPUAdapter | null;
  try {
    const gpu = await createDawn();
    adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  } catch (error) {
    tried.push(`npm webgpu: cannot be used (${firstLine(error)}). Install it with: npm install webgpu`);
    return undefined;
  }
  if (adapter === null) {
    tried.push(`${source}: Dawn found no adapter that it accepts${manifests()}`);
    return undefined;
  }
  return { adapter, software: isSoftware(adapter.info), source, tried };
}

function manifests(): string {
  const value = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES;
  return value === undefined ? '' : ` (Vulkan drivers: ${value})`;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}
