import { FP8_INCIDENTS } from './fp8-incidents.ts';
import type { Incident } from './incident.ts';
import { MOE_INCIDENTS } from './moe-incidents.ts';

/** Every known mistake, by the id that golden cases name. */
export const INCIDENTS: readonly Incident[] = [...FP8_INCIDENTS, ...MOE_INCIDENTS];
