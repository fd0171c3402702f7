/** A shape that the source accepts and a kernel reads wrongly, without an error. */
export interface LayoutWarning {
  readonly code: 'ck-k64' | 'rows-per-expert-32' | 'gate-rows-32';
  readonly message: string;
}

interface WarningParams {
  readonly bits?: number;
  readonly experts?: number;
}

/**
 * CK addresses preshuffled row blocks with a stride of ceil(K / 64) * 1024 bytes; `shuffle_weight` writes 16 K bytes. They
 * agree only for rows of whole 64 bytes.
 */
export function weightColumnWarnings(shape: readonly number[], { bits = 8 }: WarningParams): readonly LayoutWarning[] {
  const rowBytes = ((shape.at(-1) ?? 0) * bits) / 8;
  const rest = rowBytes % 64;
  if (rest === 0) return [];
  return [
    {
      code: 'ck-k64',
      message:
        `rows of ${rowBytes} bytes are no multiple of 64: shuffle_weight accepts them, but CK's preshuffled kernels step ` +
        `${Math.ceil(rowBytes / 64) * 1024} bytes from one 16-row block to the next where ${rowBytes * 16} are stored. Every row from 16 on is ` +
        `misread, and the last ones from beyond the end. Pad K to ${rowBytes - rest + 64} bytes before shuffling.`,
    },
  ];
}

/** A dword of shuffled scales pairs two 16-row blocks, so experts and gate/up halves must begin on a multiple of 32 rows. */
export function rowsPerExpertWarnings(shape: readonly number[], params: WarningParams): readonly LayoutWarning[] {
  const { experts = 1 } = params;
  const rows = (shape[0] ?? 0) / experts;
  const warnings: LayoutWarning[] = [];
  if (experts > 1 && rows % 32 !== 0) {
    warnings.push({
      code: 'rows-per-expert-32',
      message:
        `${rows} rows an expert are no multiple of 32: shuffle_scale accepts them, but expert 1 then begins inside a 32-row group ` +
        'and kernels pair its blocks wrongly. Pad the rows of each expert to a multiple of 32.',
    });
  } else if (params.experts !== undefined && rows % 2 === 0 && (rows / 2) % 32 !== 0) {
    // Who counts experts has MoE scales, whose rows may be gate and up: one expert is enough to misread them.
    warnings.push({
      code: 'gate-rows-32',
      message:
        `${rows / 2} gate rows are no multiple of 32: if these are gate_up scales, the up rows begin inside a 32-row group and a ` +
        'kernel that reads gate and up separated takes the other byte of each pair. Pad the intermediate size to a multiple of 32.',
    });
  }
  return warnings;
}
