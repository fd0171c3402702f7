import { type CatalogEntry, catalog } from '../../../layout/index.ts';
import { FP4, lens, type Preset } from './preset.ts';

const FAULT_TEXT: Readonly<Record<string, string>> = {
  'gate_up_interleaved+shuffle_weight(16,16)':
    'Rows g0, u0, g1, … shuffled as they are: a SEPARATED kernel takes half of up for gate.',
  'gate_up_interleaved+shuffle_weight(guinterleave,gate_up)':
    'Gate and up rows mixed inside every 16-row block, where a kernel expects whole blocks of each.',
  gate_up_split_twice: 'The second de-interleave splits separated rows by parity.',
  'gate_up_split_twice+shuffle_weight(16,16)': 'Even rows of gate and up, then odd ones, shuffled for SEPARATED.',
  'gate_up_split_twice+shuffle_weight(guinterleave,gate_up)':
    'Even rows of gate and up, then odd ones, shuffled for INTERLEAVE.',
};

/** The catalog's orders that no kernel reads: weights of two experts, and their scales. */
export const FAULTS: readonly Preset[] = catalog.filter(isFault).map((entry) => {
  const isScale = entry.operand === 'weight scale';
  return {
    id: `fault:${entry.id}`,
    group: 'fault',
    title: entry.title,
    text:
      FAULT_TEXT[entry.id] ?? 'The scales went the same wrong way as their weights, so that they still fit each other.',
    scene: lens({
      a: entry.id,
      type: isScale ? 'e8m0' : FP4,
      shape: isScale ? [256, 64] : [2, 64, 128],
      experts: isScale ? 2 : 1,
      color: 'line',
      registers: isScale ? 'load4' : 'load16',
    }),
    picture: 'logical',
  };
});

function isFault({ id }: CatalogEntry): boolean {
  return id.startsWith('gate_up_split_twice') || id.startsWith('gate_up_interleaved+');
}
