import { describe, expect, it } from 'vitest';
import { openCpu } from '../../../backends/cpu/index.ts';
import { openWebGpu } from '../../../backends/webgpu/index.ts';
import { BackendUnavailableError } from '../../../src/errors.ts';
import { catalog } from '../../../src/layout/index.ts';
import { EXPERT_FAULTS } from '../../../src/moe/index.ts';
import { runSpec, serve } from '../../../src/visualizer/model/run-engine.ts';
import { RUN_EXAMPLES, type RunExample } from '../../../src/visualizer/model/run-examples.ts';
import { type EngineMessage, RUN_STEPS, type RunReport } from '../../../src/visualizer/model/run-messages.ts';
import { checkSpec, defaultSpec, exampleOf, type RunSpec } from '../../../src/visualizer/model/run-spec.ts';

/** The reference stands in for the GPU: what is tested is what the engine makes of it. */
const onCpu = { openGpu: async () => openCpu() };

/** Small, where the usual sizes take long. */
const sizes: Partial<Record<RunExample['id'], readonly number[]>> = {
  per_1x128_quant: [5, 256],
  per_token_quant: [5, 256],
  mxfp8_quant: [5, 256],
  dynamic_mxfp4_quant: [5, 250],
  topk_softmax: [7, 20],
  gemm_a8w8_blockscale_bpreshuffle: [32, 64],
  gemm_a8w8_blockscale: [32, 64],
  gemm_a4w4_bpreshuffle: [32, 64],
};

function specFor(id: RunExample['id'], fields: Partial<RunSpec> = {}): RunSpec {
  const spec = defaultSpec(exampleOf(id));
  return { ...spec, shape: sizes[id] ?? spec.shape, ...fields, options: { ...spec.options, ...fields.options } };
}

describe('an agreeing run', () => {
  it.each(RUN_EXAMPLES.map(({ id }) => id))('%s', async (id) => {
    const report = await runSpec(specFor(id), onCpu);
    expect(report.passed).toBe(true);
    expect(report.outputs.length).toBeGreaterThan(0);
    for (const { expected, shape, dims, comparison, wrong } of report.outputs) {
      expect(expected.length).toBe(shape.reduce((a, b) => a * b, 1));
      expect(dims.length).toBe(shape.length);
      expect(comparison?.metrics.mismatches).toBe(0);
      expect(wrong?.some(Boolean)).toBe(false);
    }
  });

  it('takes every choice of every example', async () => {
    for (const example of RUN_EXAMPLES.filter(({ id }) => id !== 'fused_moe_mxfp4')) {
      for (const type of example.types ?? ['e2m1', 'u8', 'bf16', 'f32', 'f64', 'i64']) {
        const to = example.axes === undefined ? 'column-major' : 'row-major';
        const fields = example.mistake === undefined ? { type, to } : { type };
        expect((await runSpec(specFor(example.id, fields), onCpu)).passed, `${example.id} ${type}`).toBe(true);
      }
      for (const option of example.options) {
        if (option.kind === 'number') continue;
        for (const { value } of option.choices) {
          const spec = specFor(example.id, { options: { [option.id]: value } });
          expect((await runSpec(spec, onCpu)).passed, `${example.id} ${option.id}=${value}`).toBe(true);
        }
      }
    }
  });

  it('moves between every two layouts of the catalog that take one shape', async () => {
    const shape = [64, 256];
    const fitting = catalog.filter(({ bind }) => {
      try {
        return bind(shape, { bits: 8 }).shape.join() === shape.join();
      } catch {
        return false;
      }
    });
    expect(fitting.length).toBeGreaterThan(12);
    for (const [at, { id: from }] of fitting.entries()) {
      const to = fitting[(at + 1) % fitting.length]!.id;
      const spec = specFor('permute', { from, to, shape });
      checkSpec(spec);
      expect((await runSpec(spec, onCpu)).passed, `${from} to ${to}`).toBe(true);
    }
  });

  it('names its steps in order', async () => {
    const steps: string[] = [];
    await runSpec(specFor('topk_softmax'), { ...onCpu, onStep: (step) => steps.push(step) });
    expect(steps).toEqual(RUN_STEPS);
  });
});

describe('a mistake', () => {
  function expectCaught(report: RunReport): void {
    expect(report.passed).toBe(false);
    const output = report.outputs.find(({ comparison }) => comparison?.passed === false)!;
    const { first, metrics } = output.comparison!;
    const index = first!.coord!.reduce((at, one, axis) => at * output.shape[axis]! + one, 0);
    expect(output.wrong![index]).toBe(1);
    expect(output.wrong!.filter(Boolean).length).toBe(metrics.mismatches);
  }

  it.each(RUN_EXAMPLES.filter(({ mistake }) => mistake !== undefined).map(({ id }) => id))('%s', async (id) => {
    const { stored, reads } = exampleOf(id).mistake!;
    const report = await runSpec(specFor(id, { from: stored }), onCpu);
    expectCaught(report);
    expect(report.refusal).toContain(`"${stored}"`.slice(1, -1));
    expect(report.refusal).toContain(reads);
  });

  it.each(EXPERT_FAULTS.map(({ id }) => id))('fused_moe_mxfp4 %s', async (wrong) => {
    for (const gate of ['separated', 'interleave']) {
      expectCaught(await runSpec(specFor('fused_moe_mxfp4', { options: { wrong, gate } }), onCpu));
    }
  });

  it('is offered for every fault of the library', () => {
    const option = exampleOf('fused_moe_mxfp4').options.find(({ id }) => id === 'wrong');
    const offered = option?.kind === 'choice' ? option.choices.map(({ value }) => value) : [];
    expect(offered).toEqual(['none', ...EXPERT_FAULTS.map(({ id }) => id)]);
  });
});

describe('a device that fails', () => {
  it('leaves the CPU side', async () => {
    const openGpu = async (): Promise<never> => {
      throw new BackendUnavailableError('webgpu', 'there is none.', ['navigator.gpu: undefined']);
    };
    const report = await runSpec(specFor('per_token_quant'), { openGpu });
    expect(report.passed).toBeUndefined();
    expect(report.gpu).toEqual({
      ok: false,
      at: 'adapter',
      code: 'backend-unavailable',
      message: 'there is none.',
      tried: ['navigator.gpu: undefined'],
    });
    expect(report.outputs.map(({ name, actual }) => [name, actual])).toEqual([
      ['y', undefined],
      ['scale', undefined],
    ]);
  });

  it('has no memory', async () => {
    const openGpu = (): ReturnType<typeof openWebGpu> => openWebGpu({ limits: { maxBufferSize: 4096 } });
    const { gpu } = await runSpec(specFor('permute'), { openGpu });
    expect(gpu).toMatchObject({
      ok: false,
      at: 'device',
      code: 'webgpu-memory',
      message:
        'buffer "x" of 8192 bytes: this device allows 4096 bytes in one buffer. Run it in parts, or on the cpu backend.',
    });
    expect(gpu.device?.name).not.toBe('');
  });
});

describe('serve', () => {
  it('refuses what an op refuses, with its message', async () => {
    const messages: EngineMessage[] = [];
    const spec = specFor('topk_softmax', { shape: [2, 3] });
    await serve({ id: 7, spec, adapter: 'auto' }, (message) => messages.push(message));
    expect(messages.at(-1)).toEqual({
      kind: 'refused',
      id: 7,
      message:
        'topk_softmax: operand "logits": has logits of 3 experts [2, 3], but topk is 4. A token cannot be sent to more.',
    });
  });
});
