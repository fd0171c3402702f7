import { describe, expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { OTHER_CAMPAIGNS } from './campaigns.ts';
import { confusionOf, renderConfusion } from './confusion.ts';

describe('every mistake of the other ops, planted', () => {
  it.each(OTHER_CAMPAIGNS.map((campaign) => [campaign.op, campaign] as const))(
    '%s',
    { timeout: 900_000 },
    async (_op, campaign) => {
      const { results, falseAlarms, torn } = await runCampaign(campaign, {
        seeds: [1],
      });
      const confusion = confusionOf(results);
      console.log(`${campaign.op}: ${renderConfusion(confusion)}`);
      expect(falseAlarms).toEqual([]);
      expect(torn).toEqual([]);
      expect(confusion.planted).toBeGreaterThan(1);
      expect(confusion.first).toBeGreaterThanOrEqual(0.95);
    },
  );
});
