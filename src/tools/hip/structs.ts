import { type Architecture, clang, type KernelSource, OPTIONS } from './compile.ts';
import type { Toolchain } from './toolchain.ts';

/** The one argument of a kernel as the compiler lays it out. */
export interface CompiledStruct {
  readonly name: string;
  readonly byteLength: number;
  readonly fields: readonly CompiledField[];
}

export interface CompiledField {
  readonly name: string;
  readonly offset: number;
  /** Offsets inside of a field that is a struct itself; none for arrays. */
  readonly inner: readonly number[];
}

/**
 * The argument struct of each kernel of a file: from the preprocessed source which struct a kernel takes, from clang's record
 * layouts where its fields lie. Code objects say only how large the struct is.
 * @throws Error with the compiler's messages, or when a kernel takes something else than one struct
 */
export async function kernelStructs(
  toolchain: Toolchain,
  root: string,
  source: KernelSource,
  arch: Architecture,
): Promise<ReadonlyMap<string, CompiledStruct>> {
  const [text, dump] = await Promise.all([
    clang(toolchain, root, source, arch, [...OPTIONS, '-E', '-P']),
    clang(toolchain, root, source, arch, [...OPTIONS, '-fsyntax-only', '-Xclang', '-fdump-record-layouts']),
  ]);
  const layouts = recordLayouts(dump);
  const kernels = new Map<string, CompiledStruct>();
  for (const [kernel, argument] of kernelArguments(text)) {
    const struct = layouts.get(argument);
    if (struct === undefined) {
      throw new Error(`${source.file}: kernel ${kernel} takes "${argument}", expected one struct by value.`);
    }
    kernels.set(kernel, struct);
  }
  return kernels;
}

/** Kernels and the type of their one argument, in preprocessed source. */
export function kernelArguments(text: string): ReadonlyMap<string, string> {
  const definition = /extern\s+"C"\s+__attribute__\(\(global[^;{}]*?\bvoid\s+(\w+)\s*\(([^()]*)\)\s*\{/g;
  return new Map(
    [...text.matchAll(definition)].map(([, kernel = '', parameters = '']) => {
      // The type alone: "PermuteArgs a".
      return [kernel, parameters.replace(/\s*\w+\s*$/, '').trim()];
    }),
  );
}

/** What `-fdump-record-layouts` prints, by struct: a line for each field, those of a struct inside of it deeper and behind it. */
export function recordLayouts(dump: string): ReadonlyMap<string, CompiledStruct> {
  const layouts = new Map<string, CompiledStruct>();
  for (const record of dump.split('*** Dumping AST Record Layout').slice(1)) {
    const name = /^\s*0 \| (?:struct|class) (\S+)/m.exec(record)?.[1];
    const size = /\[sizeof=(\d+)/.exec(record)?.[1];
    if (name === undefined || size === undefined) continue;
    const fields: CompiledField[] = [];
    for (const [, offset, indent = '', declaration = ''] of record.matchAll(/^\s*(\d+) \|( {3,})(\S.*)$/gm)) {
      const outer = fields.at(-1);
      if (indent.length > 3 && outer !== undefined) {
        fields[fields.length - 1] = { ...outer, inner: [...outer.inner, Number(offset)] };
      } else {
        fields.push({ name: /(\w+)$/.exec(declaration.trim())?.[1] ?? '', offset: Number(offset), inner: [] });
      }
    }
    layouts.set(name, { name, byteLength: Number(size), fields });
  }
  return layouts;
}
