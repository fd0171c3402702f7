import { builtin } from './builtin.ts';

/** The name under which Dawn asks for the Vulkan loader on Linux. */
const LOADER = 'libvulkan.so.1';
const RTLD_NODELETE = 0x1000;

let systemLoader: Promise<boolean> | undefined;

/**
 * Whether the system has a Vulkan loader. Dawn prints a warning when it looks for one in vain. Asked once: after
 * `preloadLoader` the name is known, although the system has no driver for it, and Dawn would warn about that.
 */
export function hasSystemLoader(): Promise<boolean> {
  systemLoader ??= mapLibrary(LOADER);
  return systemLoader;
}

/**
 * Brings a Vulkan loader into the process. Once a library with this name is mapped, glibc gives it to everyone who asks
 * for the name, Dawn included.
 */
export async function preloadLoader(path: string): Promise<boolean> {
  return mapLibrary(path);
}

/**
 * `process.dlopen` is for add-ons: it maps the library, finds no registration, closes it and throws. With RTLD_NODELETE
 * the library stays mapped.
 */
async function mapLibrary(file: string): Promise<boolean> {
  const { constants } = await builtin('os');
  try {
    process.dlopen({ exports: {} }, file, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
    return true;
  } catch (error) {
    return String(error).includes('did not self-register');
  }
}
