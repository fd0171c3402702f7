import { STAGE_COMPUTE } from './constants.ts';
import { KernelError } from './errors.ts';
import type { CompiledKernel, Gpu } from './gpu.ts';
import { type ShaderSource, shaderSource } from './shader-source.ts';

/** What identifies a compiled kernel. */
export interface KernelVariant {
  /** File name under shaders/ without `.wgsl`. */
  readonly shader: string;
  /** Default `main`. */
  readonly entryPoint?: string;
  /** Values of the shader's `override` constants. */
  readonly constants?: Readonly<Record<string, number>>;
  /** Text for the shader's `@generated` blocks. */
  readonly blocks?: Readonly<Record<string, string>>;
}

/** Index functions are generated for a shape, so a long run over many shapes makes many kernels: the oldest go. */
const MOST_PIPELINES = 256;

/** Compiles a kernel, or returns the one compiled before. @throws KernelError with file and line of each WGSL error */
export function compiledKernel(gpu: Gpu, op: string, variant: KernelVariant): Promise<CompiledKernel> {
  const key = JSON.stringify([variant.shader, variant.entryPoint, variant.constants, variant.blocks]);
  const known = gpu.pipelines.get(key);
  if (known !== undefined) return known;
  const compiled = compile(gpu.device, op, variant);
  gpu.pipelines.set(key, compiled);
  compiled.catch(() => gpu.pipelines.delete(key));
  if (gpu.pipelines.size > MOST_PIPELINES) {
    const [oldest = key] = gpu.pipelines.keys();
    gpu.pipelines.delete(oldest);
  }
  return compiled;
}

/** Compiles without the cache; also used to validate every variant on Dawn's null backend. */
export async function compile(device: GPUDevice, op: string, variant: KernelVariant): Promise<CompiledKernel> {
  const { shader, entryPoint = 'main', constants = {}, blocks } = variant;
  const kernel = kernelName(variant);
  const source = shaderSource(shader, blocks);
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label: kernel, code: source.code });
  const layout = device.createBindGroupLayout({
    label: kernel,
    entries: source.bindings.map((type, binding) => ({ binding, visibility: STAGE_COMPUTE, buffer: { type } })),
  });
  const scope = device.popErrorScope();
  const invalid = await scope;
  if (invalid !== null) throw new KernelError(op, kernel, await describe(module, source, invalid.message));
  try {
    const pipeline = await device.createComputePipelineAsync({
      label: kernel,
      layout: device.createPipelineLayout({ label: kernel, bindGroupLayouts: [layout] }),
      compute: { module, entryPoint, constants: { ...constants } },
    });
    return { pipeline, layout, bindings: source.bindings };
  } catch (cause) {
    throw new KernelError(op, kernel, `the pipeline could not be made: ${messageOf(cause)}`, { cause });
  }
}

/** How errors name a kernel, e.g. `permute/main`. */
export function kernelName({ shader, entryPoint = 'main' }: KernelVariant): string {
  return `${shader}/${entryPoint}`;
}

async function describe(module: GPUShaderModule, source: ShaderSource, fallback: string): Promise<string> {
  const { messages } = await module.getCompilationInfo();
  const errors = messages.filter(({ type }) => type === 'error');
  if (errors.length === 0) return fallback;
  return errors.map(({ lineNum, linePos, message }) => `${source.origin(lineNum)}:${linePos}: ${message}`).join('\n');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
