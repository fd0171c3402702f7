/**
 * Flag values of the WebGPU specification. Browsers have them as globals (`GPUBufferUsage.STORAGE`), Node has not, and
 * nothing here may be put on `globalThis`.
 */
export const BUFFER_USAGE = {
  mapRead: 0x1,
  copySource: 0x4,
  copyTarget: 0x8,
  uniform: 0x40,
  storage: 0x80,
} as const;

export const MAP_READ = 0x1;
export const STAGE_COMPUTE = 0x4;
