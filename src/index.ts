/**
 * preshuffle: what layout are these bytes in, which kernel reads them, and does the answer come out right?
 *
 * This entry runs in Node and in browsers and loads no native code. Number formats, layouts and files also have entries of
 * their own (`preshuffle/formats`, `preshuffle/layout`, `preshuffle/io`); backends are opened through `openBackend` or their entries.
 */
export type { Backend, BackendId, BackendProbe, DeviceInfo, DeviceTensor, Support } from '../backends/backend.ts';
export { BACKEND_IDS, openBackend, probeBackends } from '../backends/registry.ts';
export * from './dispatch/index.ts';
export {
  BackendUnavailableError,
  OperandError,
  ParameterError,
  PreshuffleError,
  UnsupportedOpError,
} from './errors.ts';
export * from './formats/index.ts';
export * from './layout/index.ts';
export * from './moe/index.ts';
export type { ErrorBound, OpDefinition, Operands } from './ops/op.ts';
export {
  OP_NAMES,
  type OpName,
  type OpOperands,
  type OpOutputs,
  type OpParams,
  type OpTable,
  ops,
} from './ops/registry.ts';
export * from './tensor/index.ts';
