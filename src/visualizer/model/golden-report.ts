import { JsonNode, ReportError } from './golden-json.ts';
import type { ReportMap } from './golden-map-json.ts';
import { readMap } from './golden-map-json.ts';

export const STATUSES = ['fail', 'skip', 'pass'] as const;
export type Status = (typeof STATUSES)[number];

/** Numbers of a report as JSON has them: `null` is NaN or infinite, or has no meaning. */
export interface ReportMetrics {
  readonly elements: number;
  readonly mismatches: number;
  readonly equal: number | null;
  readonly maxAbs: number | null;
  readonly maxRel: number | null;
  readonly maxUlp: number | null;
  readonly cosine: number | null;
  readonly boundUsed: number | null;
}

export interface ReportTensor extends ReportMetrics {
  readonly label: string;
  readonly op: string;
  readonly tensor: string;
  /** Undefined for tensors that passed, and in reports that were written before there were maps. */
  readonly map: ReportMap | undefined;
}

export interface ReportCase {
  readonly case: string;
  readonly file: string;
  readonly op: string;
  readonly status: Status;
  /** The case itself could not be used. */
  readonly invalid: boolean;
  readonly reason: string;
  readonly metrics: (ReportMetrics & { readonly ms: number | null; readonly tensors: readonly ReportTensor[] }) | null;
  readonly diagnosis: readonly string[];
}

/** One backend of a report. */
export interface BackendRun {
  readonly id: string;
  readonly device: string | null;
  /** Why the backend is not there; it then has no results. */
  readonly error: string | undefined;
  readonly counts: Readonly<Record<Status, number>>;
  readonly invalid: number;
  readonly results: readonly ReportCase[];
}

export interface GoldenReport {
  readonly name: string;
  readonly backends: readonly BackendRun[];
  /** Some tensor failed and none has a map: the report was written by an older preshuffle. */
  readonly isWithoutMaps: boolean;
}

const EXPECTED = 'the object, or the list of objects, that "preshuffle verify --json" prints';

/**
 * Reads what `preshuffle verify --json` printed.
 * @param name of the file, for errors
 * @throws ReportError for the first key that is not as documented
 */
export function parseReport(text: string, name: string): GoldenReport {
  const root = new JsonNode(parseJson(text, name), name);
  const runs = Array.isArray(root.value) ? root.list() : [root];
  if (runs.length === 0) root.fail(`${EXPECTED}; no backend was run`);
  const backends = runs.map(readBackend);
  const failing = backends
    .flatMap(({ results }) => results.flatMap(({ metrics }) => metrics?.tensors ?? []))
    .filter(({ mismatches }) => mismatches > 0);
  return { name, backends, isWithoutMaps: failing.length > 0 && failing.every(({ map }) => map === undefined) };
}

function parseJson(text: string, name: string): unknown {
  if (text.trim() === '') throw new ReportError(`${name}: empty, expected ${EXPECTED}.`);
  if (text.trimStart().startsWith('<'))
    throw new ReportError(
      `${name}: this is XML or HTML, expected JSON. Write it with "preshuffle verify --json > report.json".`,
    );
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new ReportError(`${name}: not JSON (${(error as Error).message}), expected ${EXPECTED}.`);
  }
}

function readBackend(node: JsonNode): BackendRun {
  const backend = node.get('backend', EXPECTED);
  if (!node.has('backend')) backend.fail(`an object with id and device. This page reads ${EXPECTED}`);
  const device = backend.get('device');
  const counts = {
    pass: node.get('passed').count(),
    fail: node.get('failed').count(),
    skip: node.get('skipped').count(),
  };
  const results = node.get('results').list().map(readCase);
  for (const status of STATUSES) {
    const found = results.filter((result) => result.status === status).length;
    if (found !== counts[status])
      node.get('results').reject(`has ${found} of status "${status}", but the report counts ${counts[status]}.`);
  }
  return {
    id: backend.get('id').text(),
    device: device.value === null ? null : device.text(),
    error: node.has('error') ? node.get('error').text() : undefined,
    counts,
    invalid: node.get('invalid').count(),
    results,
  };
}

function readCase(node: JsonNode): ReportCase {
  const metrics = node.get('metrics');
  return {
    case: node.get('case').text(),
    file: node.get('file').text(),
    op: node.get('op').text(),
    status: node.get('status').oneOf(STATUSES),
    invalid: node.has('invalid') && node.get('invalid').flag(),
    reason: node.get('reason').text(),
    metrics:
      metrics.value === null
        ? null
        : {
            ...readMetrics(metrics),
            ms: metrics.get('ms').number(),
            tensors: metrics.get('tensors').list().map(readTensor),
          },
    diagnosis: node.has('diagnosis')
      ? node
          .get('diagnosis')
          .list()
          .map((entry) => entry.text())
      : [],
  };
}

function readTensor(node: JsonNode): ReportTensor {
  return {
    ...readMetrics(node),
    label: node.get('label').text(),
    op: node.get('op').text(),
    tensor: node.get('tensor').text(),
    map: node.has('map') ? readMap(node.get('map')) : undefined,
  };
}

function readMetrics(node: JsonNode): ReportMetrics {
  return {
    elements: node.get('elements').count(),
    mismatches: node.get('mismatches').count(),
    equal: node.get('equal').number(),
    maxAbs: node.get('maxAbs').number(),
    maxRel: node.get('maxRel').number(),
    maxUlp: node.get('maxUlp').number(),
    cosine: node.get('cosine').number(),
    boundUsed: node.get('boundUsed').number(),
  };
}
