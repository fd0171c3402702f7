import { PreshuffleError } from '../../src/errors.ts';
import { shaders } from '../../src/generated/shaders.ts';

/** A shader's text as it is compiled. */
export interface ShaderSource {
  readonly code: string;
  /** Kinds of its bindings in group 0, by number. */
  readonly bindings: readonly GPUBufferBindingType[];
  /** Where a line of `code` comes from, e.g. `shaders/permute.wgsl:12` or `generated index functions:3`. */
  origin(line: number): string;
}

/**
 * The text of `shaders/NAME.wgsl` with its marked blocks replaced:
 *
 *     // @generated NAME begin
 *     … a default that compiles …
 *     // @generated NAME end
 */
export function shaderSource(name: string, blocks: Readonly<Record<string, string>> = {}): ShaderSource {
  const text = shaders[name];
  if (text === undefined) throw new PreshuffleError('webgpu-shader', `there is no shaders/${name}.wgsl.`);
  const lines: string[] = [];
  const origins: string[] = [];
  const used = new Set<string>();
  let skipping = false;
  for (const [index, line] of text.split('\n').entries()) {
    const [, block, edge] = /^\/\/ @generated (\w+) (begin|end)$/.exec(line) ?? [];
    if (edge === 'end') skipping = false;
    if (!skipping) {
      lines.push(line);
      origins.push(`shaders/${name}.wgsl:${index + 1}`);
    }
    const replacement = edge === 'begin' && block !== undefined ? blocks[block] : undefined;
    if (block === undefined || replacement === undefined) continue;
    used.add(block);
    skipping = true;
    for (const [at, generated] of replacement.split('\n').entries()) {
      lines.push(generated);
      origins.push(`generated ${block}:${at + 1}`);
    }
  }
  const unknown = Object.keys(blocks).find((block) => !used.has(block));
  if (unknown !== undefined) {
    throw new PreshuffleError('webgpu-shader', `shaders/${name}.wgsl has no block "@generated ${unknown}".`);
  }
  const code = lines.join('\n');
  return { code, bindings: bindingTypes(name, code), origin: (line) => origins[line - 1] ?? `shaders/${name}.wgsl` };
}

/**
 * Reads the bindings off the declarations. An automatic layout would leave out what an entry point does not use, and then
 * refuse the bind group.
 */
function bindingTypes(name: string, code: string): readonly GPUBufferBindingType[] {
  const types: GPUBufferBindingType[] = [];
  const declaration = /@group\(0\)\s+@binding\((\d+)\)\s+var<(uniform|storage, read_write|storage, read)>/g;
  for (const [, number, kind] of code.matchAll(declaration)) {
    types[Number(number)] = kind === 'uniform' ? 'uniform' : kind === 'storage, read' ? 'read-only-storage' : 'storage';
  }
  const declared = code.match(/@binding\(/g)?.length ?? 0;
  if (declared !== types.filter(Boolean).length) {
    throw new PreshuffleError(
      'webgpu-shader',
      `shaders/${name}.wgsl declares ${declared} bindings, but not all are of the form ` +
        '"@group(0) @binding(N) var<uniform | storage, read | storage, read_write>" with distinct numbers from 0.',
    );
  }
  return types;
}
