import type { KernelCall } from '../ops/kernel-call.ts';
import { definitionOf } from '../ops/registry.ts';
import { torchCall } from './torch-calls.ts';
import type { CaseFile, CaseTensor } from './write-case.ts';

export interface SnippetPaths {
  /** The golden file, as the script opens it. */
  readonly case: string;
  /** Where the script leaves the outputs. */
  readonly actual: string;
}

/**
 * A Python script that loads a case with safetensors.torch, gives each operand the type, shape and strides that the kernel expects,
 * calls the real function (or leaves a marked place for one's own), and saves its outputs for `preshuffle diagnose`.
 */
export function torchSnippet(call: KernelCall, file: CaseFile, paths: SnippetPaths): string {
  const { source, summary } = definitionOf(call.op);
  const { imports, lines } = torchCall(call);
  const outputs = Object.keys(file.outputs);
  return [
    `# ${call.op}: ${summary}.`,
    `# Runs: ${source}.`,
    `# Then: ${nextCommand(paths)}`,
    'import sys',
    '',
    'import torch',
    'from safetensors.torch import load_file, save_file',
    ...imports,
    '',
    'DEVICE = "cuda"',
    '# fp4 and e8m0 have dtypes of their own in newer torch; kernels take bytes elsewhere.',
    'FP4 = getattr(torch, "float4_e2m1fn_x2", torch.uint8)',
    'E8M0 = getattr(torch, "float8_e8m0fnu", torch.uint8)',
    '',
    `CASE = sys.argv[1] if len(sys.argv) > 1 else ${quoted(paths.case)}`,
    `ACTUAL = sys.argv[2] if len(sys.argv) > 2 else ${quoted(paths.actual)}`,
    't = {name.rsplit("/", 1)[1]: value.to(DEVICE) for name, value in load_file(CASE).items()}',
    '',
    ...Object.entries(file.operands).map(([name, stored]) => operandLine(name, stored)),
    '',
    ...lines,
    'torch.cuda.synchronize()',
    '',
    '',
    'def dump(value):',
    '    """Contiguous, on the host; codes of one byte as bytes, which every safetensors can store."""',
    '    value = value.contiguous()',
    '    return (value.view(torch.uint8) if value.element_size() == 1 else value).cpu()',
    '',
    '',
    'outputs = {',
    ...outputs.map((name) => `    ${quoted(name)}: ${outputOf(name, file.outputs[name] as CaseTensor)},`),
    '}',
    'save_file({name: dump(value) for name, value in outputs.items() if value is not None}, ACTUAL)',
    `print(${quoted(`now: ${nextCommand(paths)}`)})`,
    '',
  ].join('\n');
}

/** What to run on the outputs. */
export function nextCommand({ case: file, actual }: SnippetPaths): string {
  return `preshuffle diagnose ${shellWord(file)} --actual ${shellWord(actual)}`;
}

/** As torch tells such bytes apart; integers and float32 are stored as what they are. */
const VIEWS: Readonly<Record<string, string>> = {
  bf16: 'torch.bfloat16',
  f16: 'torch.float16',
  e4m3fn: 'torch.float8_e4m3fn',
  e4m3fnuz: 'torch.float8_e4m3fnuz',
  e5m2: 'torch.float8_e5m2',
  e5m2fnuz: 'torch.float8_e5m2fnuz',
  e8m0: 'E8M0',
  e2m1: 'FP4',
};

function operandLine(name: string, { name: stored, shape, tensor }: CaseTensor): string {
  const { type, layout } = tensor;
  const view = VIEWS[type];
  const typed = `t[${quoted(stored)}]${view === undefined ? '' : `.view(${view})`}`;
  const logical = layout.shape.join(', ');
  switch (layout.id) {
    case 'row-major':
      return `${name} = ${typed}  # [${shape.join(', ')}]`;
    case 'scale-tv':
      return `${name} = ${typed}.view(${logical})  # bytes column by column, strides of a row-major tensor`;
    case 'scale-cm':
      return `${name} = ${typed}.t()  # [${logical}], strides (1, ${layout.shape[0]})`;
    case 'scale-tma-aligned':
      return `${name} = ${typed}.t()[: ${layout.shape[0]}]  # [${logical}], strides (1, ${shape.at(-1)}): columns padded to 16 bytes`;
    default:
      return `${name} = ${typed}  # [${shape.join(', ')}], stored as ${layout.id}`;
  }
}

/** The logical tensor; a transposed view says it is row-major, but is not. */
function outputOf(name: string, { tensor }: CaseTensor): string {
  const { id, shape } = tensor.layout;
  return id === 'scale-tv' ? `${name}.view(${shape.toReversed().join(', ')}).t()` : name;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

/** Quoted for a shell where that is needed. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
