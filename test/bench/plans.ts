// `npm run bench:plans -- [backend] [tokens]`: the same layer planned with a row-major and with a pre-transposed activation scale.
// Both run in turn; the difference is the copy of the scale. Medians; upload of the activation and download of the result count
// in both.
import type { BackendId } from '../../backends/backend.ts';
import { openBackend } from '../../backends/registry.ts';
import { modelLayers } from '../../src/dispatch/models.ts';
import { planLinear } from '../../src/dispatch/plan-linear.ts';
import { loadPlan } from '../../src/dispatch/run-plan.ts';
import { operandsOf } from '../dispatch/support.ts';

const ROUNDS = 21;
const [id = 'webgpu', tokens = '64'] = process.argv.slice(2);
const backend = await openBackend(id as BackendId);
console.log(`${backend.id}: ${backend.device.name}; ${tokens} tokens, median of ${ROUNDS} rounds in turn\n`);
console.log(
  'layer'.padEnd(28),
  'scale bytes moved'.padStart(18),
  'with copy'.padStart(12),
  'without'.padStart(12),
  'saved'.padStart(10),
);
for (const { layer, n, k } of modelLayers('glm-5.1').slice(0, 5)) {
  const spec = { layer, n, k, m: Number(tokens), arch: 'gfx950', rocm: '7.2', producer: 'given' } as const;
  const sides = [];
  for (const scale of ['RM', 'TV'] as const) {
    const plan = planLinear({ ...spec, scale });
    const { given } = operandsOf(plan);
    sides.push({ plan, given, loaded: await loadPlan(plan, backend, given), times: [] as number[] });
  }
  for (let round = 0; round < ROUNDS + 2; round += 1) {
    for (const side of sides) {
      const start = performance.now();
      await side.loaded.run(side.given);
      if (round >= 2) side.times.push(performance.now() - start);
    }
  }
  const [before = 0, after = 0] = sides.map(({ times }) => times.sort((a, b) => a - b)[ROUNDS >> 1]);
  const moved = sides[0]?.plan.cost.call.scaleCopyBytes ?? 0;
  const ms = (value: number): string => `${value.toFixed(3)} ms`.padStart(12);
  console.log(
    layer.padEnd(28),
    String(moved).padStart(18),
    ms(before),
    ms(after),
    `${(before - after).toFixed(3)} ms`.padStart(10),
  );
  for (const side of sides) side.loaded.dispose();
}
await backend.dispose();
