import type { Address } from './handles.ts';

/** Receives one result: koffi fills the first entry. */
export type Out<T> = [T | null];

/** Memory that a call reads or writes while it runs: an address, or bytes of ours. */
type Memory = bigint | Uint8Array;
type Status = number;
type Stream = Address<'stream'>;

/** The functions of the runtime that are used, and what they take here. Every one exists since HIP 5.1 but R0600 (HIP 6). */
export interface HipFunctions {
  hipGetDeviceCount(count: Out<number>): Status;
  hipSetDevice(device: number): Status;
  hipRuntimeGetVersion(version: Out<number>): Status;
  hipDeviceGetAttribute(value: Out<number>, attribute: number, device: number): Status;
  hipGetDeviceProperties(properties: Uint8Array, device: number): Status;
  hipGetDevicePropertiesR0600(properties: Uint8Array, device: number): Status;
  hipDeviceGetPCIBusId(text: Uint8Array, length: number, device: number): Status;
  hipMemGetInfo(free: Out<number>, total: Out<number>): Status;
  hipMalloc(address: Out<bigint>, bytes: number): Status;
  hipFree(address: Address<'buffer'>): Status;
  hipMemcpyAsync(target: Memory, source: Memory, bytes: number, kind: number, stream: Stream): Status;
  hipMemsetAsync(target: bigint, value: number, bytes: number, stream: Stream): Status;
  hipHostMalloc(address: Out<bigint>, bytes: number, flags: number): Status;
  hipHostFree(address: Address<'pinned memory'>): Status;
  hipStreamCreateWithFlags(stream: Out<bigint>, flags: number): Status;
  hipStreamDestroy(stream: Stream): Status;
  hipStreamSynchronize(stream: Stream): Status;
  hipStreamQuery(stream: Stream): Status;
  hipStreamWaitEvent(stream: Stream, event: Address<'event'>, flags: number): Status;
  hipStreamBeginCapture(stream: Stream, mode: number): Status;
  hipStreamEndCapture(stream: Stream, graph: Out<bigint>): Status;
  hipEventCreateWithFlags(event: Out<bigint>, flags: number): Status;
  hipEventDestroy(event: Address<'event'>): Status;
  hipEventRecord(event: Address<'event'>, stream: Stream): Status;
  hipEventQuery(event: Address<'event'>): Status;
  hipEventSynchronize(event: Address<'event'>): Status;
  hipEventElapsedTime(milliseconds: Out<number>, from: Address<'event'>, to: Address<'event'>): Status;
  hipModuleLoadData(module: Out<bigint>, image: Uint8Array): Status;
  hipModuleUnload(module: Address<'module'>): Status;
  hipModuleGetFunction(kernel: Out<bigint>, module: Address<'module'>, name: string): Status;
  hipModuleGetGlobal(address: Out<bigint>, bytes: Out<number>, module: Address<'module'>, name: string): Status;
  hipModuleLaunchKernel(
    kernel: Address<'function'>,
    gridX: number,
    gridY: number,
    gridZ: number,
    blockX: number,
    blockY: number,
    blockZ: number,
    sharedBytes: number,
    stream: Stream,
    parameters: null,
    extra: bigint,
  ): Status;
  hipGraphInstantiateWithFlags(run: Out<bigint>, graph: Address<'graph'>, flags: number): Status;
  hipGraphLaunch(run: Address<'graph run'>, stream: Stream): Status;
  hipGraphExecDestroy(run: Address<'graph run'>): Status;
  hipGraphDestroy(graph: Address<'graph'>): Status;
}

export type HipFunction = keyof HipFunctions;

/** The same in C, for koffi. Handles are `void *` there, so all checks of kinds are ours. */
export const PROTOTYPES: Readonly<Record<HipFunction, string>> = {
  hipGetDeviceCount: 'int hipGetDeviceCount(_Out_ int *)',
  hipSetDevice: 'int hipSetDevice(int)',
  hipRuntimeGetVersion: 'int hipRuntimeGetVersion(_Out_ int *)',
  hipDeviceGetAttribute: 'int hipDeviceGetAttribute(_Out_ int *, int, int)',
  hipGetDeviceProperties: 'int hipGetDeviceProperties(void *, int)',
  hipGetDevicePropertiesR0600: 'int hipGetDevicePropertiesR0600(void *, int)',
  hipDeviceGetPCIBusId: 'int hipDeviceGetPCIBusId(void *, int, int)',
  hipMemGetInfo: 'int hipMemGetInfo(_Out_ size_t *, _Out_ size_t *)',
  hipMalloc: 'int hipMalloc(_Out_ void **, size_t)',
  hipFree: 'int hipFree(void *)',
  hipMemcpyAsync: 'int hipMemcpyAsync(void *, void *, size_t, int, void *)',
  hipMemsetAsync: 'int hipMemsetAsync(void *, int, size_t, void *)',
  hipHostMalloc: 'int hipHostMalloc(_Out_ void **, size_t, unsigned int)',
  hipHostFree: 'int hipHostFree(void *)',
  hipStreamCreateWithFlags: 'int hipStreamCreateWithFlags(_Out_ void **, unsigned int)',
  hipStreamDestroy: 'int hipStreamDestroy(void *)',
  hipStreamSynchronize: 'int hipStreamSynchronize(void *)',
  hipStreamQuery: 'int hipStreamQuery(void *)',
  hipStreamWaitEvent: 'int hipStreamWaitEvent(void *, void *, unsigned int)',
  hipStreamBeginCapture: 'int hipStreamBeginCapture(void *, int)',
  hipStreamEndCapture: 'int hipStreamEndCapture(void *, _Out_ void **)',
  hipEventCreateWithFlags: 'int hipEventCreateWithFlags(_Out_ void **, unsigned int)',
  hipEventDestroy: 'int hipEventDestroy(void *)',
  hipEventRecord: 'int hipEventRecord(void *, void *)',
  hipEventQuery: 'int hipEventQuery(void *)',
  hipEventSynchronize: 'int hipEventSynchronize(void *)',
  hipEventElapsedTime: 'int hipEventElapsedTime(_Out_ float *, void *, void *)',
  hipModuleLoadData: 'int hipModuleLoadData(_Out_ void **, const void *)',
  hipModuleUnload: 'int hipModuleUnload(void *)',
  hipModuleGetFunction: 'int hipModuleGetFunction(_Out_ void **, void *, const char *)',
  hipModuleGetGlobal: 'int hipModuleGetGlobal(_Out_ void **, _Out_ size_t *, void *, const char *)',
  hipModuleLaunchKernel:
    'int hipModuleLaunchKernel(void *, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, ' +
    'unsigned int, unsigned int, void *, void *, void *)',
  hipGraphInstantiateWithFlags: 'int hipGraphInstantiateWithFlags(_Out_ void **, void *, unsigned long long)',
  hipGraphLaunch: 'int hipGraphLaunch(void *, void *)',
  hipGraphExecDestroy: 'int hipGraphExecDestroy(void *)',
  hipGraphDestroy: 'int hipGraphDestroy(void *)',
};
