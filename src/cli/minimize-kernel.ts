import { BACKEND_IDS, openBackend } from '../../backends/registry.ts';
import { BackendUnavailableError, UnsupportedOpError } from '../errors.ts';
import type { Incident } from '../golden/incident.ts';
import { INCIDENTS } from '../golden/incidents.ts';
import { DoesNotFailError } from '../minimize/errors.ts';
import { judge, referenceOf } from '../minimize/judge.ts';
import { backendKernel, type Kernel, misreadKernel, remembering } from '../minimize/kernel.ts';
import { InputError } from './inputs.ts';
import type { MinimizeCommandOptions } from './minimize.ts';
import type { FailingCase } from './minimize-case.ts';
import { commandKernel } from './minimize-command.ts';

/** What fails. */
export interface ChosenKernel {
  readonly kernel: Kernel;
  /** How a report names it. */
  readonly label: string;
  /** How `preshuffle verify` fails on the small case in the same way; undefined where only the user's kernel does. */
  readonly verify: readonly string[] | undefined;
  readonly incident?: Incident;
  dispose(): Promise<void>;
}

const NOTHING = (): Promise<void> => Promise.resolve();

/**
 * The kernel that the options ask for, or the first backend that fails on the case.
 * @throws InputError for options that do not go together, BackendUnavailableError, DoesNotFailError where no backend fails
 */
export async function chooseKernel(given: FailingCase, options: MinimizeCommandOptions): Promise<ChosenKernel> {
  const asked = (['run', 'wrongWay', 'backend'] as const).filter((name) => options[name] !== undefined);
  if (asked.length > 1)
    throw new InputError(`--run, --wrong-way and --backend exclude each other: each says what is run on the case.`);
  if (options.run !== undefined) {
    const { kernel, dispose } = await commandKernel(options.run, options.timeout * 1000, given.entry.name);
    return { kernel: remembering(kernel), dispose, label: options.run, verify: undefined };
  }
  if (options.wrongWay === true) return wrongWay(given);
  if (options.backend !== undefined) return onBackend(options.backend);
  return firstFailing(given);
}

function wrongWay({ file, entry, call }: FailingCase): ChosenKernel {
  const id = entry.params['incident'];
  const incident = INCIDENTS.find((known) => known.id === id);
  if (incident === undefined || !incident.ops.includes(call.op)) {
    throw new InputError(
      `--wrong-way runs a case as it went wrong, but case "${entry.name}" of ${file} names no incident that happens to ${call.op}. ` +
        'Cases that do have "incident" in their metadata (docs/golden-format.md).',
    );
  }
  return {
    kernel: remembering(misreadKernel(incident)),
    label: `"${incident.title}"`,
    verify: ['--wrong-way', '--backend', 'cpu'],
    incident,
    dispose: NOTHING,
  };
}

async function onBackend(id: (typeof BACKEND_IDS)[number]): Promise<ChosenKernel> {
  const backend = await openBackend(id);
  return {
    kernel: remembering(backendKernel(backend)),
    label: `${id}, ${backend.device.name}`,
    verify: ['--backend', id],
    dispose: () => backend.dispose(),
  };
}

async function firstFailing(given: FailingCase): Promise<ChosenKernel> {
  const tried: string[] = [];
  for (const id of BACKEND_IDS) {
    let chosen: ChosenKernel | undefined;
    try {
      chosen = await onBackend(id);
      const { failing } = judge(given.call, await chosen.kernel(given.call));
      if (failing.length > 0) return chosen;
      tried.push(`${id} agrees with the reference`);
    } catch (error) {
      if (!(error instanceof BackendUnavailableError || error instanceof UnsupportedOpError)) throw error;
      tried.push(`${id} ${error instanceof UnsupportedOpError ? 'does not run it' : 'is not there'}`);
    }
    await chosen?.dispose();
  }
  throw new DoesNotFailError(
    `case "${given.entry.name}" of ${given.file} does not fail: ${tried.join(', ')}.${await advice(given)}`,
  );
}

/** Why a case that `verify` fails may still have no failing kernel. */
async function advice({ call, check, entry }: FailingCase): Promise<string> {
  const stored = check.expect.filter(({ expected, output }) => expected.type === referenceOf(call)[output]?.type);
  const differs = stored.find(({ output, expected }) => judge(call, { [output]: expected }).failing.length > 0);
  const incident =
    entry.params['incident'] === undefined ? '' : ' It is an incident: --wrong-way runs it as it went wrong.';
  return differs === undefined
    ? incident
    : `${incident} Its stored "${differs.expected.name}" is not what the reference gives; only what made it can be run again: --run.`;
}
