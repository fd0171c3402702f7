import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { createDawn } from '../../../backends/webgpu/node/dawn.ts';
import { shaderSource } from '../../../backends/webgpu/shader-source.ts';
import { shaders } from '../../../src/generated/shaders.ts';
import { catalog } from '../../../src/layout/catalog.ts';
import { layoutFunctionsWgsl } from '../../../src/layout/codegen/wgsl.ts';
import { rowMajor } from '../../../src/layout/plain.ts';

/** Values that the backend gives to `override` constants, per shader; a shader without entry has one variant. */
const VARIANTS: Readonly<Record<string, readonly Readonly<Record<string, number>>[]>> = {
  gemm_a4w4: [1, 2, 4].map((row_steps) => ({ row_steps })),
  gemm_a8w8_blockscale: [1, 4].flatMap((row_steps) =>
    [0, 1, 2, 3, 4, 5, 6, 7].map((bits) => ({
      row_steps,
      fnuz: bits & 1,
      x_words: (bits >> 1) & 1,
      w_words: bits >> 2,
    })),
  ),
  moe_rows: moeVariants([
    { rows: 1, lanes: 128, row_lanes: 4 },
    { rows: 1, lanes: 256, row_lanes: 16 },
    { rows: 2, lanes: 256, row_lanes: 16 },
    { rows: 4, lanes: 128, row_lanes: 4 },
    { rows: 4, lanes: 128, row_lanes: 16 },
  ]),
  moe_tiles: moeVariants([1, 2, 4].map((row_steps) => ({ row_steps }))),
  normalize_fnuz: [0, 1].map((is_scale) => ({ is_scale })),
  ue8m0_mn_major: [0, 1].map((unpack) => ({ unpack })),
  permute: [4, 8, 16, 32, 64].flatMap((bits) => [0, 1].map((words) => ({ bits, words }))),
};

/** Both stages in every scheme, with and without bias. */
function moeVariants(
  tilings: readonly Readonly<Record<string, number>>[],
): readonly Readonly<Record<string, number>>[] {
  return [1, 2].flatMap((stage) =>
    [0, 1, 2].flatMap((scheme) =>
      [0, 1].flatMap((has_bias) => tilings.map((tiling) => ({ stage, scheme, has_bias, ...tiling }))),
    ),
  );
}

let device: GPUDevice;

beforeAll(async () => {
  // No driver is needed: this backend compiles and validates, and runs nothing.
  const gpu = await createDawn({ backend: 'null', enable: ['allow_unsafe_apis'] });
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error('the null backend gave no adapter');
  device = await adapter.requestDevice();
});

/** Errors of compiling a shader and making a pipeline of each entry point. */
async function errorsOf(code: string, constants: Readonly<Record<string, number>>): Promise<readonly string[]> {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  const { messages } = await module.getCompilationInfo();
  const errors = messages
    .filter(({ type }) => type === 'error')
    .map(({ lineNum, message }) => `${lineNum}: ${message}`);
  const entryPoints = [...code.matchAll(/@compute[\s\S]*?fn (\w+)/g)].map(([, name]) => name as string);
  if (errors.length === 0) {
    if (entryPoints.length === 0) errors.push('no entry point');
    for (const entryPoint of entryPoints) {
      try {
        await device.createComputePipelineAsync({
          layout: 'auto',
          compute: { module, entryPoint, constants: { ...constants } },
        });
      } catch (error) {
        errors.push(`${entryPoint}: ${(error as Error).message}`);
      }
    }
  }
  const scope = await device.popErrorScope();
  return scope === null || errors.length > 0 ? errors : [scope.message];
}

it('knows every file in shaders/', () => {
  const files = readdirSync('shaders').filter((name) => name.endsWith('.wgsl'));
  expect(Object.keys(shaders).sort()).toEqual(files.map((name) => name.replace('.wgsl', '')).sort());
  for (const [name, text] of Object.entries(shaders)) expect(readFileSync(`shaders/${name}.wgsl`, 'utf8')).toBe(text);
});

describe.each(Object.keys(shaders))('%s', (name) => {
  it('compiles alone, in every variant', async () => {
    for (const constants of VARIANTS[name] ?? [{}]) {
      expect(await errorsOf(shaders[name] as string, constants), JSON.stringify(constants)).toEqual([]);
    }
  });

  it('has only overrides that a variant sets or that have a default', () => {
    const declared = [...(shaders[name] as string).matchAll(/^override (\w+): \w+( =)?/gm)];
    const set = new Set((VARIANTS[name] ?? []).flatMap((constants) => Object.keys(constants)));
    for (const [, constant, hasDefault] of declared)
      expect(set.has(constant as string) || hasDefault !== undefined, constant).toBe(true);
  });
});

describe.each(catalog.map((entry) => [entry.id, entry] as const))(
  'permute with index functions of %s',
  (_id, entry) => {
    it('compiles in both directions', async () => {
      const layout = entry.bind(entry.example);
      const plain = rowMajor(layout.shape);
      for (const [from, to] of [
        [layout, plain],
        [plain, layout],
      ] as const) {
        const layouts = [layoutFunctionsWgsl('source', from), layoutFunctionsWgsl('target', to)].join('\n');
        const { code } = shaderSource('permute', { layouts });
        expect(await errorsOf(code, { bits: 8, words: 0 })).toEqual([]);
      }
    });
  },
);

it('finds a fault', async () => {
  const broken = (shaders['permute'] as string).replace('@compute', 'fn broken() -> u32 { return 1.5; }\n@compute');
  expect(await errorsOf(broken, {})).toEqual([
    expect.stringMatching(/^\d+: cannot convert value of type 'abstract-float' to type 'u32'/),
  ]);
  expect(await errorsOf(shaders['permute'] as string, { no_such_constant: 1 })).toEqual([
    expect.stringContaining('no_such_constant'),
  ]);
});

it('says from which file a line of a generated shader comes', () => {
  const { code, origin, bindings } = shaderSource('permute', { layouts: '// one\n// two' });
  const lines = code.split('\n');
  const begin = lines.indexOf('// @generated layouts begin');
  expect([origin(begin + 1), origin(begin + 2), origin(begin + 3)]).toEqual([
    `shaders/permute.wgsl:${begin + 1}`,
    'generated layouts:1',
    'generated layouts:2',
  ]);
  const last = (shaders['permute'] as string).split('\n').length;
  expect(origin(lines.length)).toBe(`shaders/permute.wgsl:${last}`);
  expect(bindings).toEqual(['read-only-storage', 'read-only-storage', 'storage']);
  expect(() => shaderSource('permute', { nothing: '' })).toThrow(
    'shaders/permute.wgsl has no block "@generated nothing".',
  );
  expect(() => shaderSource('nothing')).toThrow('there is no shaders/nothing.wgsl.');
});
