import { describe, expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { MOE_CAMPAIGNS } from './campaigns.ts';
import { confusionOf, renderConfusion } from './confusion.ts';

// Whole shapes in one kind of data, ragged ones in the other; `npm run mutation` plants everything in everything.
describe('every mistake of a mixture of experts, planted', () => {
  it.each(MOE_CAMPAIGNS.map((campaign) => [campaign.op, campaign] as const))(
    '%s',
    { timeout: 900_000 },
    async (_op, campaign) => {
      const { results, falseAlarms, torn } = await runCampaign(
        { ...campaign, probes: campaign.probes.slice(0, 2) },
        {
          seeds: [1],
          dataOf: (probe) => (probe % 2 === 0 ? ['address-coded'] : ['random']),
        },
      );
      const confusion = confusionOf(results);
      console.log(`${campaign.op}: ${renderConfusion(confusion)}`);
      expect(falseAlarms).toEqual([]);
      expect(torn).toEqual([]);
      expect(confusion.planted).toBeGreaterThan(40);
      expect(confusion.first).toBeGreaterThanOrEqual(0.95);
    },
  );
});
