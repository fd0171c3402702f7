type Schema = Readonly<Record<string, unknown>>;

/** Keywords that say nothing about a value. */
const WORDS = ['$schema', '$defs', 'title', 'description'];

/**
 * What is wrong with a value by a JSON Schema, a line each; empty when nothing is. Reads what schemas of this repository use and throws
 * on any other keyword. Stricter than the standard: keys that the schema does not list are an error.
 */
export function schemaErrors(schema: Schema, value: unknown, root: Schema = schema, at = '$'): readonly string[] {
  const ref = schema['$ref'];
  if (typeof ref === 'string') {
    const found = (root['$defs'] as Record<string, Schema> | undefined)?.[ref.replace('#/$defs/', '')];
    if (found === undefined) throw new Error(`${ref} is not defined`);
    return schemaErrors(found, value, root, at);
  }
  return Object.entries(schema).flatMap(([keyword, rule]) => {
    if (WORDS.includes(keyword)) return [];
    const check = CHECKS[keyword];
    if (check === undefined) throw new Error(`keyword "${keyword}" is not read here`);
    return check(rule, value, root, at);
  });
}

type Check = (rule: unknown, value: unknown, root: Schema, at: string) => readonly string[];

const CHECKS: Readonly<Record<string, Check>> = {
  const: (rule, value, _, at) => (value === rule ? [] : [`${at} is ${String(value)}, expected ${String(rule)}`]),
  enum: (rule, value, _, at) =>
    (rule as readonly unknown[]).includes(value) ? [] : [`${at} is ${String(value)}, expected one of ${String(rule)}`],
  type: (rule, value, _, at) => {
    const types = Array.isArray(rule) ? rule : [rule];
    return types.some((type) => isOf(type as string, value)) ? [] : [`${at} is no ${types.join(' or ')}`];
  },
  minimum: (rule, value, _, at) => ((value as number) >= (rule as number) ? [] : [`${at} is below ${String(rule)}`]),
  maximum: (rule, value, _, at) => ((value as number) <= (rule as number) ? [] : [`${at} is above ${String(rule)}`]),
  minItems: (rule, value, _, at) => ((value as unknown[]).length >= (rule as number) ? [] : [`${at} is too short`]),
  pattern: (rule, value, _, at) =>
    new RegExp(rule as string).test(value as string) ? [] : [`${at} is ${String(value)}`],
  items: (rule, value, root, at) =>
    Array.isArray(value)
      ? value.flatMap((item, index) => schemaErrors(rule as Schema, item, root, `${at}[${index}]`))
      : [],
  required: (rule, value, _, at) =>
    (rule as readonly string[])
      .filter((key) => !Object.hasOwn(Object(value), key))
      .map((key) => `${at}.${key} is missing`),
  properties: (rule, value, root, at) =>
    Object.entries(Object(value)).flatMap(([key, own]) => {
      const schema = (rule as Record<string, Schema>)[key];
      return schema === undefined ? [`${at}.${key} is not listed`] : schemaErrors(schema, own, root, `${at}.${key}`);
    }),
};

function isOf(type: string, value: unknown): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}
