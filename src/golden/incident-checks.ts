import type { Tensor } from '../tensor/tensor.ts';
import type { CaseReader } from './case-reader.ts';
import type { GoldenCheck } from './check.ts';
import type { Incident } from './incident.ts';
import { INCIDENTS } from './incidents.ts';

/** Whether a case says that it is an incident: `"incident": "<id>"` in its metadata. */
export function isIncident(params: Readonly<Record<string, unknown>>): boolean {
  return params['incident'] !== undefined;
}

/**
 * Adds to the checks of an incident case the run as it went wrong, which must give the tensor `y_wrong` that lies beside the
 * right `y`. `wrongWay` leaves nothing but that run, held against the right output: it must fail.
 */
export async function incidentChecks(
  reader: CaseReader,
  checks: readonly GoldenCheck[],
  wrongWay: boolean,
): Promise<readonly GoldenCheck[]> {
  const incident = find(reader);
  const right = checks.find(({ op }) => incident.ops.includes(op));
  const expectation = right?.expect.find(({ output }) => output === 'y');
  if (right === undefined || expectation === undefined) {
    throw reader.fail(
      `incident "${incident.id}" happens to ${incident.ops.join(', ')}, and this case has no output of these.`,
    );
  }
  const operands = incident.misread(right.operands as Readonly<Record<string, Tensor>>);
  const wrong = { ...right, operands } as unknown as GoldenCheck;
  if (wrongWay) {
    return [{ ...wrong, label: `run with "${incident.title}"`, expect: [expectation], boundFrom: right.operands }];
  }
  const { type, layout } = expectation.expected;
  const expected = await reader.tensor('y_wrong', type, { layout });
  return [...checks, { ...wrong, label: `as "${incident.title}"`, expect: [{ ...expectation, expected }] }];
}

function find(reader: CaseReader): Incident {
  const id = reader.case.params['incident'];
  const found = INCIDENTS.find((incident) => incident.id === id);
  if (found !== undefined) return found;
  throw reader.fail(
    `incident ${JSON.stringify(id)} is unknown. Known: ${INCIDENTS.map((incident) => incident.id).join(', ')}.`,
  );
}
