// Plants every mistake in every op that it can happen to, over the shapes of the campaigns and some seeds, and writes what became of them into
// docs/diagnosis-mutation-test.md: `npm run mutation [-- --seeds 3] [-- --ops gemm_a8w8_blockscale,permute] [-- --print]
// [-- --last-bits 0.005]`: the last lets that share of the results of 16 bits be one code off, as an honest kernel's are.

import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.ts';
import { GEMM_CAMPAIGNS, MOE_CAMPAIGNS, OTHER_CAMPAIGNS } from './campaigns.ts';
import { confusionOf, renderConfusion } from './confusion.ts';
import { mutationPage, type OpOutcome } from './page.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '2' },
    ops: { type: 'string' },
    print: { type: 'boolean', default: false },
    'last-bits': { type: 'string', default: '0' },
  },
});
const seeds = Array.from({ length: Number(values.seeds) }, (_, index) => index + 1);
const asked = values.ops?.split(',');
const outcomes: OpOutcome[] = [];
for (const campaign of [...GEMM_CAMPAIGNS, ...MOE_CAMPAIGNS, ...OTHER_CAMPAIGNS]) {
  if (asked !== undefined && !asked.includes(campaign.op)) continue;
  const result = await runCampaign(campaign, { seeds, lastBits: Number(values['last-bits']) });
  const confusion = confusionOf(result.results);
  outcomes.push({ op: campaign.op, ...result, confusion });
  console.log(`${campaign.op}: ${renderConfusion(confusion)}`);
  if (result.hidden.length > 0) console.log(`  showed in no probe: ${result.hidden.join(', ')}`);
  for (const alarm of result.falseAlarms) console.log(`  FALSE ALARM ${alarm}`);
  for (const id of result.torn) console.log(`  DEPENDS ON THE WINDOW ${id}`);
}
const all = confusionOf(outcomes.flatMap(({ results }) => results));
console.log(`\nall: ${renderConfusion({ ...all, ties: [], confusions: [] })}`);
if (!values.print) {
  const machine = `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`;
  writeFileSync('docs/diagnosis-mutation-test.md', mutationPage(outcomes, { seeds: seeds.length, machine }));
}
