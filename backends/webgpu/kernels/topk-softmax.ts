import { bindWindow } from '../split.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';
import { matrixOf } from './quant-blocks.ts';
import { sourceBytes, spansOf, wholeWordRows } from './quant-calls.ts';
import { SOURCE } from './quant-rules.ts';

export const topkSoftmax: WebGpuKernel<'topk_softmax'> = {
  op: 'topk_softmax',
  async run(run, params, operands, outputs) {
    const logits = tensorOf(operands, 'logits');
    const weights = tensorOf(outputs, 'weights');
    const ids = tensorOf(outputs, 'ids');
    const { rows, columns: experts, type } = matrixOf(logits);
    const { topk, renormalize = true, order = 'softmax-topk' } = params;
    // Dividing by the sum over all experts and then by that of the kept shares is dividing by the latter at once.
    const keptOnly = renormalize || order === 'topk-softmax' ? 1 : 0;
    const rowBytes = experts * sourceBytes(type);
    const parts = spansOf(run.gpu, logits.array, rows, [rowBytes, topk * 4], wholeWordRows(rowBytes));
    await run.dispatch(
      ...parts.map(({ start, end }) => {
        const source = bindWindow(run.gpu, logits.array, start * rowBytes, end * rowBytes);
        const [weightPart, idPart] = [weights, ids].map(({ array }) =>
          bindWindow(run.gpu, array, start * topk * 4, end * topk * 4),
        ) as [typeof source, typeof source];
        return {
          shader: 'topk_softmax',
          bindings: [
            Uint32Array.of(
              end - start,
              experts,
              topk,
              SOURCE[type],
              keptOnly,
              source.lead / 4,
              weightPart.lead / 4,
              idPart.lead / 4,
            ),
            source.binding,
            weightPart.binding,
            idPart.binding,
          ],
          workgroups: end - start,
        };
      }),
    );
  },
};
