import type { CaseReader } from '../case-reader.ts';
import type { GoldenCheck } from '../check.ts';

/**
 * Turns a golden case into runs of ops with expectations: reads its tensors in the types and layouts that the op of the
 * case implies. Throws GoldenCaseError, naming file, case and tensor, when the case does not hold what its op needs.
 */
export type Binding = (reader: CaseReader) => Promise<readonly GoldenCheck[]>;
