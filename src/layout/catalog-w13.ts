import type { CatalogEntry } from './catalog-entry.ts';
import { gateUpSplitTwice, shuffledCheckpoint, w13ScaleFault } from './w13-faults.ts';

const FORGOTTEN = 'the de-interleave forgotten';
const TWICE = 'the de-interleave applied twice';

/** Orders of gate_up weights and scales that come from mistakes; no kernel reads them. */
export const w13CatalogEntries: readonly CatalogEntry[] = [
  {
    id: 'gate_up_interleaved+shuffle_weight(16,16)',
    title: `L4: checkpoint order shuffled as if separated, ${FORGOTTEN}`,
    operand: 'weight',
    source: 'vLLM issue 42595; bytes of AITER moe_shuffle_weight on gfx1250',
    padding: 'none',
    example: [2, 32, 64],
    bind: (shape, { bits = 8 } = {}) => shuffledCheckpoint(shape, { bits, shuffle: 'separated' }),
  },
  {
    id: 'gate_up_interleaved+shuffle_weight(guinterleave,gate_up)',
    title: `L5: checkpoint order shuffled for INTERLEAVE, ${FORGOTTEN}`,
    operand: 'weight',
    source: 'SGLang before PR 26884 with shuffle_weight_a16w4(w, 16, True)',
    padding: 'none',
    example: [2, 64, 128],
    bind: (shape, { bits = 8 } = {}) => shuffledCheckpoint(shape, { bits, shuffle: 'interleave' }),
  },
  {
    id: 'gate_up_split_twice',
    title: `L6: even rows of gate and up, then odd rows: ${TWICE}`,
    operand: 'weight',
    source: 'vLLM issue 42595; ATOM with DeepSeek-V4 (GSM8K 0.45 to 0.00)',
    padding: 'none',
    example: [2, 16, 8],
    bind: (shape) => gateUpSplitTwice(shape, { shuffle: 'none' }),
  },
  {
    id: 'gate_up_split_twice+shuffle_weight(16,16)',
    title: `L6 shuffled for SEPARATED: ${TWICE}`,
    operand: 'weight',
    source: 'vLLM issue 42595; ATOM with DeepSeek-V4',
    padding: 'none',
    example: [2, 64, 64],
    bind: (shape, { bits = 8 } = {}) => gateUpSplitTwice(shape, { bits, shuffle: 'separated' }),
  },
  {
    id: 'gate_up_split_twice+shuffle_weight(guinterleave,gate_up)',
    title: `L6 shuffled for INTERLEAVE: ${TWICE}`,
    operand: 'weight',
    source: 'vLLM issue 42595; ATOM with DeepSeek-V4',
    padding: 'none',
    example: [2, 64, 128],
    bind: (shape, { bits = 8 } = {}) => gateUpSplitTwice(shape, { bits, shuffle: 'interleave' }),
  },
  {
    id: 'gate_up_interleaved+shuffle_scale',
    title: `Scales of L4: ${FORGOTTEN}`,
    operand: 'weight scale',
    source: 'vLLM issue 42595',
    padding: 0x7f,
    example: [256, 11],
    bind: (shape, { experts = 1 } = {}) =>
      w13ScaleFault(shape, { experts, rows: 'gate_up_interleaved', shuffle: 'separated' }),
  },
  {
    id: 'gate_up_interleaved+shuffle_scale(guinterleave,gate_up)',
    title: `Scales of L5: ${FORGOTTEN}`,
    operand: 'weight scale',
    source: 'SGLang before PR 26884',
    padding: 0x7f,
    example: [64, 11],
    bind: (shape, { experts = 1 } = {}) =>
      w13ScaleFault(shape, { experts, rows: 'gate_up_interleaved', shuffle: 'interleave' }),
  },
  {
    id: 'gate_up_split_twice+shuffle_scale',
    title: `Scales of L6 for SEPARATED: ${TWICE}`,
    operand: 'weight scale',
    source: 'vLLM issue 42595',
    padding: 0x7f,
    example: [256, 11],
    bind: (shape, { experts = 1 } = {}) =>
      w13ScaleFault(shape, { experts, rows: 'gate_up_split_twice', shuffle: 'separated' }),
  },
  {
    id: 'gate_up_split_twice+shuffle_scale(guinterleave,gate_up)',
    title: `Scales of L6 for INTERLEAVE: ${TWICE}`,
    operand: 'weight scale',
    source: 'vLLM issue 42595',
    padding: 0x7f,
    example: [64, 11],
    bind: (shape, { experts = 1 } = {}) =>
      w13ScaleFault(shape, { experts, rows: 'gate_up_split_twice', shuffle: 'interleave' }),
  },
];
