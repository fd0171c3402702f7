/** Random access to the bytes of a file, wherever it lies. */
export interface ByteSource {
  /** Used in errors and reports. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /** The bytes `begin` .. `end - 1`. May share memory with the source. */
  read(begin: number, end: number): Promise<Uint8Array>;
}

/** A file that is already in memory. Reads are views, not copies. */
export function memorySource(bytes: Uint8Array, name = 'memory'): ByteSource {
  return { name, size: bytes.byteLength, read: async (begin, end) => bytes.subarray(begin, end) };
}

/** A `Blob` or a dropped `File` in a browser; reads only the ranges asked for. */
export function blobSource(blob: Blob, name: string = blob instanceof File ? blob.name : 'blob'): ByteSource {
  return {
    name,
    size: blob.size,
    read: async (begin, end) => new Uint8Array(await blob.slice(begin, end).arrayBuffer()),
  };
}
