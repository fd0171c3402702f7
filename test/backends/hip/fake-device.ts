import type { LibraryHandle } from 'koffi';
import { deviceFacts, HipDevice } from '../../../backends/hip/device.ts';
import { openRuntime } from '../../../backends/hip/library.ts';
import { loadKoffi } from '../../../backends/hip/node.ts';

/** What the fake runtime was told. */
export interface Told {
  readonly grid: readonly number[];
  readonly block: readonly number[];
  readonly shared: number;
  /** Argument bytes. */
  readonly bytes: Uint8Array;
}

/** The fake runtime's own functions. */
export interface Fake {
  /** Native objects that were made and not freed. */
  live(): number;
  /** The current device. */
  device(): number;
  launches(): number;
  /** Bytes of device memory in use. */
  used(): number;
  last(): Told;
}

/** Looks into a fake runtime that is already loaded. */
export async function inspect(library: string): Promise<Fake> {
  const handle: LibraryHandle = (await loadKoffi()).load(library);
  const last = handle.func('void fake_last(void *)') as (out: Uint8Array) => void;
  return {
    live: handle.func('int fake_live(void)') as () => number,
    device: handle.func('int fake_device(void)') as () => number,
    launches: handle.func('int fake_launches(void)') as () => number,
    used: handle.func('size_t fake_used(void)') as () => number,
    last() {
      const out = new Uint8Array(32 + 4096);
      last(out);
      const words = new Uint32Array(out.buffer, 0, 8);
      return {
        grid: [...words.subarray(0, 3)],
        block: [...words.subarray(3, 6)],
        shared: words[6] as number,
        bytes: out.slice(32, 32 + (words[7] as number)),
      };
    },
  };
}

/** Opens a device of a fake runtime. */
export async function fakeDevice(library: string, ordinal = 0): Promise<HipDevice> {
  const runtime = await openRuntime({ library });
  return new HipDevice(runtime, deviceFacts(runtime, ordinal));
}
