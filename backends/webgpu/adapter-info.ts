/** Which kind of device to take. `auto`: a GPU when there is one, else a software one. */
export type AdapterKind = 'auto' | 'hardware' | 'software';

export interface AdapterChoice {
  /** Default: the environment variable PRESHUFFLE_WEBGPU in Node, else `auto`. */
  readonly kind?: AdapterKind;
}

/** An adapter that was found, and how. */
export interface FoundAdapter {
  readonly adapter: GPUAdapter;
  /** Runs on the CPU (SwiftShader, llvmpipe). */
  readonly software: boolean;
  /** Where it came from, e.g. `navigator.gpu` or `npm @sparticuz/chromium 147.0.0`. */
  readonly source: string;
  /** Every place that was looked at before, and what was there. */
  readonly tried: readonly string[];
}

/** Whether an adapter computes on the CPU. */
export function isSoftware(info: GPUAdapterInfo): boolean {
  const text = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`.toLowerCase();
  return info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|basic render/.test(text);
}

/** One line for people, e.g. `NVIDIA H200 (driver 580.159.04)`. */
export function adapterName(info: GPUAdapterInfo): string {
  // Dawn's normal form of "SwiftShader Device (Subzero)" ends with a hyphen.
  const named = info.device.replace(/-+$/, '');
  const device = named === '' ? [info.vendor, info.architecture].filter(Boolean).join(' ') : named;
  const name = device === '' ? 'unnamed adapter' : device;
  return info.description === '' || info.description === name ? name : `${name} (${info.description})`;
}
