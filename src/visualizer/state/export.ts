import { computed, type ReadonlySignal } from '@preact/signals';
import { bindPair, type PairScene } from '../model/diff.ts';
import { SAME_BYTES } from '../model/diff-words.ts';
import { diffSource } from '../model/export/diff-source.ts';
import { goldenSource } from '../model/export/golden.ts';
import { runSource } from '../model/export/run.ts';
import type { Exportable } from '../model/export/source.ts';
import { subjectPictures } from '../model/export/subject-pictures.ts';
import type { FileLook, PictureView } from '../model/export/views.ts';
import { incidentById } from '../model/incident-scenes.ts';
import { sceneOf } from '../model/run-spec.ts';
import type { Scene } from '../model/scene.ts';
import { type DiffColor, diffColor, incidentColor } from './diff.ts';
import { lookOfMap, report, selected, shownRun, tensorOf, topicOf } from './golden.ts';
import { registerView } from './lens.ts';
import { runState } from './run-session.ts';
import { data, fullLink, outcomeOf, scene, subject } from './store.ts';
import { byRange, order } from './tensor-look.ts';
import { chosen, fileState, isShown, loaded, misfit } from './tensor-session.ts';

/** What the current screen gives to export, or what can be exported instead. */
export const exportable: ReadonlySignal<Exportable> = computed(() => {
  const shown = scene.value;
  switch (shown.screen) {
    case 'atlas':
      return nothing(
        'The Atlas itself is not exported. Open one of its cards: the Lens exports the layout, the Diff what a reader of another layout gets.',
      );
    case 'lens':
      return subjectOf(shown);
    case 'diff':
      return diffOf(shown);
    case 'incidents':
      return incidentOf(shown);
    case 'tensor':
      return tensorFileOf(shown);
    case 'golden':
      return goldenOf(shown);
    case 'run':
      return runOf(shown);
    default:
      return shown.screen satisfies never;
  }
});

function nothing(message: string, isError = false): Exportable {
  return { kind: 'nothing', message, isError };
}

function subjectOf(shown: Scene, look?: FileLook['tensorScreen'], first?: PictureView): Exportable {
  const bound = subject.value;
  if (!bound.ok) return nothing(`${bound.message} There is nothing to export until the layout fits.`, true);
  const name = data.value?.name;
  const { tensor, registers, bits } = bound.value;
  const view = registerView.value ?? { layout: tensor.layout, registers, bits, tile: 0 };
  const file = name === undefined ? undefined : { name, tensorScreen: look };
  return {
    kind: 'subject',
    scene: shown,
    subject: bound.value,
    data: name,
    pictures: subjectPictures(shown, bound.value, view, fullLink(shown), file, first),
  };
}

function diffOf(shown: Scene): Exportable {
  const { a, b, type, shape, experts } = shown;
  if (b === undefined)
    return nothing(
      'Choose the layout that the bytes are read as; then the diff of the two is exported. One layout alone is exported by the Lens.',
    );
  return pairOf({ a, b, type, shape, experts }, shown, diffColor.value);
}

function pairOf(pairScene: PairScene, shown: Scene, color: DiffColor): Exportable {
  const bound = outcomeOf(() => bindPair(pairScene));
  if (!bound.ok) return nothing(`${bound.message} There is nothing to export until both layouts fit.`, true);
  if (bound.value.written.layout.equals(bound.value.read.layout))
    return nothing(`${SAME_BYTES} The Lens exports the layout itself.`);
  const first = color === 'row' ? 'rows' : 'diff';
  return diffSource(bound.value, pairScene, { first, line: shown.line, pins: shown.pins, link: fullLink(shown) });
}

function incidentOf(shown: Scene): Exportable {
  const picture = incidentById(shown.topic)?.picture;
  if (picture === undefined)
    return nothing('The list of incidents is not exported. Open an incident of two layouts: its diff is.');
  if (picture.kind === 'pair') return pairOf(picture.pair, { ...shown, pins: [] }, incidentColor.value);
  return nothing('This incident is not about two layouts: there is no diff to export.');
}

function tensorFileOf(shown: Scene): Exportable {
  if (fileState.value.kind !== 'open')
    return nothing(
      'Open a file: the tensor that is shown of it is exported. A layout without data is exported by the Lens.',
    );
  const tensor = loaded.value?.tensor.name;
  if (tensor === undefined || tensor !== chosen.value)
    return nothing('Choose a tensor of the list: what is shown of it is exported.');
  if (!isShown.value) return nothing(`Show ${tensor} again: then it is exported.`);
  if (misfit.value !== undefined)
    return nothing(`${misfit.value} There is nothing to export until the layout fits.`, true);
  return subjectOf(shown, { byRange: byRange.value }, order.value);
}

function goldenOf(shown: Scene): Exportable {
  if (report.value?.ok !== true) return nothing('Open a report: the case that is shown of it is exported.');
  const run = shownRun.value;
  const result = selected.value?.result;
  if (run === undefined || result === undefined)
    return nothing('Choose a case: its heat map and a comment about it are exported.');
  const tensor = tensorOf(result);
  const look = tensor?.map === undefined ? ({ mode: 'matrix', matrix: 0 } as const) : lookOfMap(tensor.map);
  const link = fullLink({ ...shown, topic: topicOf(result) });
  return goldenSource({ run, result, tensor, mode: look.mode, matrix: look.matrix, link });
}

function runOf(shown: Scene): Exportable {
  const state = runState.value;
  if (state.kind !== 'done') return nothing('Run an example: its answer is exported, and where the outputs differ.');
  return runSource(state.report, fullLink({ ...shown, ...sceneOf(state.report.spec), screen: 'run' }));
}
