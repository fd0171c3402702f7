import type { CaseReader } from '../case-reader.ts';
import type { GoldenCheck } from '../check.ts';
import { incidentChecks, isIncident } from '../incident-checks.ts';
import type { Binding } from './binding.ts';
import { formatBindings } from './formats.ts';
import { fusedBindings } from './fused.ts';
import { gemmBindings } from './gemm.ts';
import { moeBindings } from './moe.ts';
import { quantBindings } from './quant.ts';
import { shuffleBindings } from './shuffle.ts';
import { ue8m0Bindings } from './ue8m0.ts';

const BINDINGS: Readonly<Record<string, Binding>> = {
  ...formatBindings,
  ...fusedBindings,
  ...gemmBindings,
  ...moeBindings,
  ...quantBindings,
  ...shuffleBindings,
  ...ue8m0Bindings,
  none: dataOnly,
};

/** Names of the ops that a golden case may have, sorted. */
export function knownGoldenOps(): readonly string[] {
  return Object.keys(BINDINGS).sort();
}

/** @param wrongWay run incident cases as they went wrong, against the right output */
export async function bindCase(reader: CaseReader, wrongWay = false): Promise<readonly GoldenCheck[]> {
  const binding = BINDINGS[reader.case.op];
  if (binding === undefined) throw reader.fail(`op "${reader.case.op}" is unknown.`);
  const checks = await binding(reader);
  return isIncident(reader.case.params) ? incidentChecks(reader, checks, wrongWay) : checks;
}

/** A case of op `none` holds tensors that other cases read. It passes when they can be read. */
async function dataOnly(reader: CaseReader): Promise<readonly GoldenCheck[]> {
  const prefix = `${reader.case.name}/`;
  const own = reader.tensorNames().filter((name) => name.startsWith(prefix));
  if (own.length === 0)
    throw reader.fail('op "none" is for cases that hold tensors for others, but this one has none.');
  for (const name of own) await reader.raw(name);
  return [];
}
