import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KernelError } from '../../../backends/webgpu/errors.ts';
import type { Gpu } from '../../../backends/webgpu/gpu.ts';
import { createDawn } from '../../../backends/webgpu/node/dawn.ts';
import { compile, compiledKernel, kernelName } from '../../../backends/webgpu/pipeline.ts';
import { layoutFunctionsWgsl } from '../../../src/layout/codegen/wgsl.ts';
import { rowMajor } from '../../../src/layout/plain.ts';
import { layoutsFor, WIDTHS } from './permute-inputs.ts';

let device: GPUDevice;
let gpu: Gpu;

beforeAll(async () => {
  // Compiles and validates, runs nothing, and needs no driver.
  const dawn = await createDawn({ backend: 'null', enable: ['allow_unsafe_apis'] });
  const adapter = await dawn.requestAdapter();
  if (adapter === null) throw new Error("Dawn's null backend gave no adapter");
  device = await adapter.requestDevice();
});

beforeEach(() => {
  gpu = { device, pipelines: new Map() } as unknown as Gpu;
});

/** The error of compiling `code` as the index functions of permute.wgsl. */
async function errorOf(code: string): Promise<KernelError> {
  const error: unknown = await compile(device, 'permute', { shader: 'permute', blocks: { layouts: code } }).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(KernelError);
  return error as KernelError;
}

const INDEX_FUNCTIONS = layoutFunctionsWgsl('source', rowMajor([4])) + layoutFunctionsWgsl('target', rowMajor([4]));

describe('compile', () => {
  it.each(WIDTHS)('makes permute pipelines of $bits bits for every layout', async ({ bits }) => {
    for (const layout of layoutsFor(bits)) {
      const plain = rowMajor(layout.shape);
      for (const [from, to] of [
        [layout, plain],
        [plain, layout],
      ] as const) {
        const layouts = [layoutFunctionsWgsl('source', from), layoutFunctionsWgsl('target', to)].join('\n');
        for (const words of [0, 1]) {
          const variant = { shader: 'permute', constants: { bits, words }, blocks: { layouts } };
          const { bindings } = await compile(device, 'permute', variant);
          expect(bindings).toEqual(['read-only-storage', 'read-only-storage', 'storage']);
        }
      }
    }
  });

  it('names line and column of an error in generated text', async () => {
    const lines = INDEX_FUNCTIONS.split('\n').length;
    const { code, op, kernel, message } = await errorOf(`${INDEX_FUNCTIONS}\nfn broken() -> u32 { return 1.5; }`);
    expect({ code, op, kernel }).toEqual({ code: 'webgpu-kernel', op: 'permute', kernel: 'permute/main' });
    expect(message).toBe(
      `permute: WebGPU kernel permute/main: generated layouts:${lines + 1}:29: ` +
        "cannot convert value of type 'abstract-float' to type 'u32'",
    );
  });

  it('names file, line and column of an error in a file of shaders/', async () => {
    // The shader calls target_is_padding, which these functions lack.
    const { message } = await errorOf(layoutFunctionsWgsl('source', rowMajor([4])));
    expect(message).toMatch(
      /^permute: WebGPU kernel permute\/main: shaders\/permute\.wgsl:\d+:\d+: unresolved call target 'target_is_padding'/,
    );
    const line = Number(/wgsl:(\d+)/.exec(message)?.[1]);
    const { shaders } = await import('../../../src/generated/shaders.ts');
    expect(shaders.permute?.split('\n')[line - 1]).toContain('target_is_padding(element)');
  });

  it('lists every error on a line of its own', async () => {
    const { message } = await errorOf('fn a( {}\nfn b( {}');
    const origins = message.split('\n').map((line) => /\w+ \w+:\d+:\d+(?=: )/.exec(line)?.[0]);
    expect(origins).toEqual(['generated layouts:1:7', 'generated layouts:2:7']);
  });

  it('says which constant or entry point a shader does not have', async () => {
    const constant = compile(device, 'permute', { shader: 'permute', constants: { no_such_constant: 1 } });
    await expect(constant).rejects.toThrow(
      /^permute: WebGPU kernel permute\/main: the pipeline could not be made: .*no_such_constant/s,
    );
    const entryPoint = compile(device, 'permute', { shader: 'permute', entryPoint: 'nothing' });
    await expect(entryPoint).rejects.toThrow(
      /^permute: WebGPU kernel permute\/nothing: the pipeline could not be made: .*nothing/s,
    );
    await expect(entryPoint).rejects.toHaveProperty('cause');
  });

  it('leaves no error scope open after a failure', async () => {
    await errorOf('nonsense');
    await expect(device.popErrorScope()).rejects.toThrow();
  });
});

describe('compiledKernel', () => {
  it('compiles a variant once', async () => {
    const [first, again] = [0, 1].map(() => compiledKernel(gpu, 'permute', { shader: 'permute' }));
    expect(again).toBe(first);
    expect(await compiledKernel(gpu, 'other', { shader: 'permute' })).toBe(await first);
  });

  it('tells variants apart by shader, entry point, constants and generated text', async () => {
    const variants = [
      { shader: 'permute' },
      { shader: 'decode' },
      { shader: 'permute', entryPoint: 'main' },
      { shader: 'permute', constants: { bits: 8 } },
      { shader: 'permute', constants: { bits: 16 } },
      { shader: 'permute', blocks: { layouts: INDEX_FUNCTIONS } },
      { shader: 'permute', blocks: { layouts: `${INDEX_FUNCTIONS} ` } },
    ];
    const kernels = await Promise.all(variants.map((variant) => compiledKernel(gpu, 'permute', variant)));
    expect(new Set(kernels.map(({ pipeline }) => pipeline)).size).toBe(variants.length);
  });

  it('tries again after a failure', async () => {
    const broken = { shader: 'permute', blocks: { layouts: 'nonsense' } };
    await expect(compiledKernel(gpu, 'permute', broken)).rejects.toThrow(KernelError);
    expect(gpu.pipelines.size).toBe(0);
  });

  it('keeps the newest 256', async () => {
    const variants = Array.from({ length: 258 }, (_, number) => ({
      shader: 'permute',
      blocks: { layouts: `${INDEX_FUNCTIONS}// ${number}` },
    }));
    const kernels = variants.map((variant) => compiledKernel(gpu, 'permute', variant));
    await Promise.all(kernels);
    expect([...gpu.pipelines.values()]).toEqual(kernels.slice(2));
  });
});

it('names a kernel after its file and entry point', () => {
  expect(kernelName({ shader: 'permute' })).toBe('permute/main');
  expect(kernelName({ shader: 'fused_rms_quant', entryPoint: 'normalise' })).toBe('fused_rms_quant/normalise');
});
