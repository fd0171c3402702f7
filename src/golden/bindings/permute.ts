import { type ElementType, elementBits, isIntegerType } from '../../formats/element-type.ts';
import { isFloatFormat } from '../../formats/facts.ts';
import { catalog } from '../../layout/catalog-entries.ts';
import type { Layout } from '../../layout/layout.ts';
import { ShapeRejectedError } from '../../layout/notation.ts';
import { definitionOf } from '../../ops/registry.ts';
import type { CaseReader } from '../case-reader.ts';
import { check } from '../check.ts';
import type { Binding } from './binding.ts';

/**
 * Any permutation between layouts of the catalog: `x` is stored in layout `from` (default row-major) of `shape`, `y` in layout `to`.
 * `experts` are stacked in the rows of a scale; `fill` is the byte of padding.
 */
export const permuteCase: Binding = async (reader) => {
  const type = elementType(reader);
  const shape = reader.counts('shape');
  const x = await reader.tensor('x', type, { layout: layoutOf(reader, 'from', type, shape) });
  const to = layoutOf(reader, 'to', type, shape);
  const fill = reader.number('fill', 0);
  const expected = await reader.tensor('y', type, {
    layout: definitionOf('permute').plan({ to, fill }, { x })['y']?.layout ?? to,
  });
  return [check('y', 'permute', { to, fill }, { x }, [{ output: 'y', expected, compare: 'exact' }])];
};

function elementType(reader: CaseReader): ElementType {
  const name = reader.string('dtype');
  if (isFloatFormat(name) || isIntegerType(name as ElementType)) return name as ElementType;
  throw reader.fail(
    `parameter "dtype" is ${JSON.stringify(name)}, expected a float format such as e4m3fn, or an integer type.`,
  );
}

function layoutOf(reader: CaseReader, key: 'from' | 'to', type: ElementType, shape: readonly number[]): Layout {
  const id = key === 'from' ? reader.string<string>(key, undefined, 'row-major') : reader.string(key);
  const entry = catalog.find((known) => known.id === id);
  if (entry === undefined)
    throw reader.fail(
      `parameter "${key}" is ${JSON.stringify(id)}, expected a layout of the catalog (docs/layouts.md).`,
    );
  try {
    return entry.bind(shape, { bits: elementBits(type), experts: reader.count('experts', 1) });
  } catch (error) {
    if (error instanceof ShapeRejectedError) throw reader.fail(error.message, error);
    throw error;
  }
}
