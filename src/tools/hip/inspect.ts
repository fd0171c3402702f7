// Writes docs/hip-kernels.md: what the compiler made of each kernel. A change of a kernel shows there as a diff. With --check
// nothing is written, and a table that is out of date is an error; another compiler's table is not compared.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { ARCHITECTURES } from './compile.ts';
import { inspectAll } from './inspection.ts';
import { kernelPage, pageCompiler } from './kernel-page.ts';
import { findToolchain } from './toolchain.ts';

const PAGE = 'docs/hip-kernels.md';

try {
  const toolchain = findToolchain();
  const before = existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : '';
  const isOtherCompiler =
    process.argv.includes('--check') && before !== '' && pageCompiler(before) !== toolchain.version;
  if (isOtherCompiler) {
    console.log(`${PAGE} is of ${pageCompiler(before)}, this is ${toolchain.version}: not compared.`);
  } else {
    const page = kernelPage(toolchain.version, ARCHITECTURES, await inspectAll(toolchain, '.'));
    if (!process.argv.includes('--check')) writeFileSync(PAGE, page);
    else if (page !== before) throw new Error(`${PAGE} is out of date; run "npm run inspect:hip".`);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
