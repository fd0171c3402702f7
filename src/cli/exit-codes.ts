/** What `preshuffle` tells the calling shell. */
export const EXIT = {
  /** Every check held. */
  ok: 0,
  /** At least one result is wrong. */
  mismatch: 1,
  /** The command line or an input file cannot be used; nothing is known about what it holds. Outranks a mismatch. */
  usage: 2,
  /** A backend that was asked for is not there. Outranks both: the answer that was asked for does not exist. */
  backendMissing: 3,
} as const;
