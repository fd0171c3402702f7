import { BLOCK_SCALE_KERNELS, SCALE_STATES, type ScaleState } from '../../dispatch/kernels.ts';
import { mendScale, readScaleAsIs, type ScaleOutcome, type ScaleStep } from '../../dispatch/scale-state.ts';
import { EXIT } from '../exit-codes.ts';
import { plainTable } from './text.ts';

export interface ScaleOptions {
  readonly m: number;
  readonly k: number;
  readonly json?: boolean;
}

interface Row {
  readonly kernel: string;
  readonly state: ScaleState;
  readonly asIs: ScaleOutcome;
  readonly mend: ScaleStep;
}

/** `preshuffle explain x-scale`: producer states by consumers. Returns the exit code. */
export function explainScale({ m, k, json }: ScaleOptions): number {
  const groups = Math.ceil(k / 128);
  const rows = BLOCK_SCALE_KERNELS.flatMap((kernel) =>
    SCALE_STATES.map(
      (state): Row => ({
        kernel: kernel.id,
        state,
        asIs: readScaleAsIs(kernel, state, m, groups),
        mend: mendScale(kernel, state, m, groups),
      }),
    ),
  );
  const text = plainTable(
    ['kernel', 'scale is', 'as it is', 'mended by', 'moves'],
    rows.map(({ kernel, state, asIs, mend }) => [
      kernel,
      state,
      asIs === 'right' ? 'right' : asIs === 'throws' ? 'refused' : 'silently wrong',
      mend.conversion === 'none' ? '-' : `${mend.code} (${mend.to})`,
      mend.conversion === 'copy' ? `${m * groups * 4} bytes` : mend.conversion === 'relabel' ? 'nothing' : '-',
    ]),
    ['left', 'left', 'left', 'left', 'right'],
  );
  process.stdout.write(`${json === true ? JSON.stringify(rows) : `M = ${m}, G = ${groups}\n${text}`}\n`);
  return EXIT.ok;
}
