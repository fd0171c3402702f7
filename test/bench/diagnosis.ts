// How long a diagnosis takes: every mistake planted in a 128x512x896 multiplication and in a mixture of experts of 16 tokens and 8 experts.
// `npm run bench:diagnosis`
import { cpus } from 'node:os';
import { type ProbeOptions, probeCall } from '../../src/probe/probe-call.ts';
import { diagnosePlanted, hypothesesOf, plant, rightOutputs } from '../diagnosis/mutation/plant.ts';

const CALLS: readonly { readonly name: string; readonly probe: ProbeOptions }[] = [
  {
    name: '128x512x896',
    probe: { op: 'gemm_a8w8_blockscale_bpreshuffle', sizes: { m: 128, n: 512, k: 896 }, data: 'random' },
  },
  {
    name: '16 tokens, 8 experts, H = 512, I = 512',
    probe: {
      op: 'fused_moe_mxfp4',
      sizes: { tokens: 16, experts: 8, topk: 2, hidden: 512, inter: 512 },
      params: { activation: 'swiglu' },
      data: 'random',
    },
  },
];

console.log(`${cpus().length} cores, ${cpus()[0]?.model}, Node ${process.versions.node}`);
for (const { name, probe } of CALLS) {
  const call = probeCall(probe);
  const right = rightOutputs(call);
  const times: number[] = [];
  let first = 0;
  for (const [seed, hypothesis] of hypothesesOf(call.op).entries()) {
    const planted = plant(call, right, hypothesis, seed);
    if (planted === undefined) continue;
    const started = performance.now();
    const { outcome } = await diagnosePlanted(planted);
    times.push(performance.now() - started);
    if (outcome === 'first' || outcome === 'tied') first += 1;
  }
  times.sort((a, b) => a - b);
  const at = (share: number): string => `${((times[Math.floor(share * (times.length - 1))] ?? 0) / 1000).toFixed(2)} s`;
  console.log(
    `${call.op}, ${name}: ${times.length} mistakes, ${first} named first; median ${at(0.5)}, 95 % ${at(0.95)}, most ${at(1)}`,
  );
}
