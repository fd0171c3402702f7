/** Paths of what was built. */
export interface HipCpuBuild {
  /** The runtime, which stands in for libamdhip64.so. */
  readonly library: string;
  /** Folder of the package's code objects, as PRESHUFFLE_HIP_CPU_OBJECTS takes it. */
  readonly objects: string;
  /** Folder of the code objects of test/hip-cpu/kernels. */
  readonly testObjects: string;
}

/** Why the runtime cannot be built here; undefined when it can. */
export function missingCompiler(): string | undefined;

/**
 * Builds what is out of date. Rejects with the compiler's messages, or missingCompiler().
 * @param options.kernels `tests` leaves those of the package out
 */
export function buildHipCpu(options?: {
  readonly log?: (line: string) => void;
  readonly kernels?: 'all' | 'tests';
}): Promise<HipCpuBuild>;
