import type { CardText } from './cards.ts';
import { printPermalink } from './permalink.ts';
import { DEFAULT_SCENE } from './scene.ts';

/** Topic of the Atlas that shows the blocks. */
export const MOE_TOPIC = 'moe-sorting';

/** The one card that is no layout: how tokens are grouped before the layouts of a mixture of experts are read. */
export const MOE_CARD: CardText = {
  link: printPermalink({ ...DEFAULT_SCENE, topic: MOE_TOPIC }),
  title: 'Sorted token blocks (moe_sorting)',
  text: 'Routes ordered by expert, each expert padded to whole blocks; padding is hatched.',
  type: 'i32',
  shape: '8 tokens × 2 slots, 4 experts',
  notation: 'sorted_ids = slot << 24 | token',
  source: 'AITER moe_sorting',
};
