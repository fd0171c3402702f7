import { swigluActivation } from '../../../src/ops/swiglu.ts';
import { bindWindow } from '../split.ts';
import { activationWords } from './activation-words.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';
import { spansOf } from './quant-calls.ts';

const LANES = 256;

export const swiglu: WebGpuKernel<'swiglu'> = {
  op: 'swiglu',
  async run(run, params, operands, outputs) {
    const glu = tensorOf(operands, 'glu');
    const linear = tensorOf(operands, 'linear');
    const y = tensorOf(outputs, 'y');
    const activation = activationWords(swigluActivation(params));
    // Parts begin where a binding may begin.
    const step = run.gpu.alignment / 4;
    const parts = spansOf(run.gpu, y.array, y.layout.size, [4], step);
    await run.dispatch(
      ...parts.map(({ start, end }) => ({
        shader: 'swiglu',
        bindings: [
          Uint32Array.of(...activation, end - start),
          ...[glu, linear, y].map(({ array }) => bindWindow(run.gpu, array, start * 4, end * 4).binding),
        ],
        workgroups: Math.ceil((end - start) / LANES),
      })),
    );
  },
};
