// Keeps shaders/ and src/generated/shaders.ts in step.
//
// Every .wgsl file compiles alone, so a file that needs shared functions holds a copy of them between
//   // @library NAME begin
//   // @library NAME end
// This tool rewrites those blocks from shaders/lib/NAME.wgsl and bundles all files into one module for the backend.
// `--check` changes nothing and fails when something is out of date.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const shaders = path.join(root, 'shaders');
const generated = path.join(root, 'src/generated/shaders.ts');
const check = process.argv.includes('--check');
const stale = [];

const sources = readdirSync(shaders)
  .filter((name) => name.endsWith('.wgsl'))
  .sort()
  .map((name) => {
    const file = path.join(shaders, name);
    const text = readFileSync(file, 'utf8');
    const expanded = expand(text, name);
    if (expanded !== text) update(file, expanded);
    return [name.replace(/\.wgsl$/, ''), expanded];
  });

const entries = sources.map(([name, text]) => `  ${JSON.stringify(name)}: ${JSON.stringify(text)},\n`).join('');
const module = `// Written by src/tools/generate-shaders.mjs from shaders/. Do not edit.\n\n/** WGSL by file name. */\nexport const shaders: Readonly<Record<string, string>> = {\n${entries}};\n`;
if (!existsSync(generated) || readFileSync(generated, 'utf8') !== module) {
  mkdirSync(path.dirname(generated), { recursive: true });
  // The bundle is not committed, so a check rebuilds it like any other run.
  writeFileSync(generated, module);
}

if (stale.length > 0) {
  console.error(`shared blocks out of date in ${stale.join(', ')}; run "npm run build".`);
  process.exit(1);
}

function expand(text, name) {
  return text.replace(/(\/\/ @library (\w+) begin\n)[\s\S]*?(\/\/ @library \2 end\n)/g, (_, begin, library, end) => {
    const file = path.join(shaders, 'lib', `${library}.wgsl`);
    if (!existsSync(file)) {
      console.error(`shaders/${name}: there is no shaders/lib/${library}.wgsl`);
      process.exit(1);
    }
    return `${begin}${readFileSync(file, 'utf8').trimEnd()}\n${end}`;
  });
}

function update(file, text) {
  if (check) stale.push(path.relative(root, file));
  else writeFileSync(file, text);
}
