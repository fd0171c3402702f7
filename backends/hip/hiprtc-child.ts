/** What the compiling process is told, as JSON on its standard input. */
export interface CompileRequest {
  /** URL of the koffi module. */
  readonly koffi: string;
  /** Compiler libraries, best first. */
  readonly libraries: readonly string[];
  readonly source: string;
  /** File name in the compiler's messages. */
  readonly name: string;
  readonly options: readonly string[];
  /** File to write the code object to. */
  readonly output: string;
}

/** What it answers, as JSON on its standard output. */
export interface CompileAnswer {
  readonly ok: boolean;
  /** The compiler's messages, or why it did not run. */
  readonly log: string;
}

/**
 * The program of the compiling process: native compilers can end the process they run in (ROCm 5.2 does, on an architecture
 * it does not know). It is a text, given to `node -e`, so that it needs no file of its own beside a bundle.
 */
export const COMPILE_PROGRAM: string = `
import { readFileSync, writeFileSync } from 'node:fs';
const request = JSON.parse(readFileSync(0, 'utf8'));
const answer = (ok, log) => process.stdout.write(JSON.stringify({ ok, log }));
const { default: koffi } = await import(request.koffi);
const problems = [];
const load = (path) => {
  try {
    const library = koffi.load(path, { lazy: true });
    library.func('int hiprtcVersion(_Out_ int *, _Out_ int *)');
    return library;
  } catch (error) {
    problems.push(path + ': ' + error.message);
    return undefined;
  }
};
const library = request.libraries.reduce((found, path) => found ?? load(path), undefined);
if (library === undefined) answer(false, 'no compiler library could be loaded. Tried:\\n' + problems.join('\\n'));
else compile(library);

function compile(library) {
  const create = library.func(
    'int hiprtcCreateProgram(_Out_ void **, const char *, const char *, int, const char **, const char **)');
  const run = library.func('int hiprtcCompileProgram(void *, int, const char **)');
  const logSize = library.func('int hiprtcGetProgramLogSize(void *, _Out_ size_t *)');
  const getLog = library.func('int hiprtcGetProgramLog(void *, void *)');
  const codeSize = library.func('int hiprtcGetCodeSize(void *, _Out_ size_t *)');
  const getCode = library.func('int hiprtcGetCode(void *, void *)');
  const program = [null];
  const created = create(program, request.source, request.name, 0, null, null);
  if (created !== 0) return answer(false, 'hiprtcCreateProgram failed (' + created + ')');
  const status = run(program[0], request.options.length, request.options);
  const size = [0];
  logSize(program[0], size);
  const log = new Uint8Array(Number(size[0]) + 1);
  getLog(program[0], log);
  const text = new TextDecoder().decode(log).replace(/\\0+$/, '').trim();
  if (status !== 0) return answer(false, 'hiprtcCompileProgram failed (' + status + '):\\n' + text);
  codeSize(program[0], size);
  const code = new Uint8Array(Number(size[0]));
  const got = getCode(program[0], code);
  if (got !== 0) return answer(false, 'hiprtcGetCode failed (' + got + ')');
  writeFileSync(request.output, code);
  answer(true, text);
}
`;
