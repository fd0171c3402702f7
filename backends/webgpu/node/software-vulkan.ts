import { builtin } from './builtin.ts';
import { readTar } from './tar.ts';

/** A software Vulkan driver (SwiftShader) on disk. */
export interface SoftwareVulkan {
  /** The driver's manifest. */
  readonly manifest: string;
  /** A Vulkan loader beside it, for systems without one. */
  readonly loader: string;
  readonly source: string;
}

const DRIVER = 'libvk_swiftshader.so';
const LOADER = 'libvulkan.so.1';
const MANIFEST = 'vk_swiftshader_icd.json';

/** Chromium and Chrome install SwiftShader beside their binary. */
const BROWSERS: readonly string[] = [
  '/usr/lib/chromium',
  '/usr/lib/chromium-browser',
  '/usr/lib64/chromium-browser',
  '/opt/google/chrome',
];

const PACKAGE = '@sparticuz/chromium';

/** Looks for SwiftShader: in an installed Chromium, then in npm `@sparticuz/chromium`. Notes what it saw in `tried`. */
export async function findSoftwareVulkan(tried: string[]): Promise<SoftwareVulkan | undefined> {
  if (process.platform !== 'linux') {
    tried.push(`software Vulkan: only known for Linux, this is ${process.platform}`);
    return undefined;
  }
  return (await inBrowser(tried)) ?? (await inPackage(tried));
}

async function inBrowser(tried: string[]): Promise<SoftwareVulkan | undefined> {
  const { existsSync } = await builtin('fs');
  for (const folder of BROWSERS) {
    const files = [MANIFEST, DRIVER, LOADER].map((name) => `${folder}/${name}`);
    const missing = files.find((file) => !existsSync(file));
    if (missing === undefined) {
      return { manifest: `${folder}/${MANIFEST}`, loader: `${folder}/${LOADER}`, source: `SwiftShader of ${folder}` };
    }
    tried.push(`${missing}: absent`);
  }
  return undefined;
}

async function inPackage(tried: string[]): Promise<SoftwareVulkan | undefined> {
  if (process.arch !== 'x64') {
    tried.push(`npm ${PACKAGE}: its SwiftShader is for x64, this is ${process.arch}`);
    return undefined;
  }
  const archive = await findArchive();
  if (archive === undefined) {
    tried.push(`npm ${PACKAGE}: not installed (npm install ${PACKAGE})`);
    return undefined;
  }
  try {
    const folder = await unpacked(archive);
    return {
      manifest: `${folder}/${MANIFEST}`,
      loader: `${folder}/${LOADER}`,
      source: `SwiftShader of npm ${PACKAGE} ${archive.version}`,
    };
  } catch (error) {
    tried.push(`npm ${PACKAGE}: ${archive.file} could not be unpacked (${String(error)})`);
    return undefined;
  }
}

interface Archive {
  readonly file: string;
  readonly version: string;
}

/** The package's exports hide its files, so its folder is found from its main module. */
async function findArchive(): Promise<Archive | undefined> {
  const { createRequire } = await builtin('module');
  const { existsSync, readFileSync } = await builtin('fs');
  const path = await builtin('path');
  let main: string;
  try {
    main = createRequire(import.meta.url).resolve(PACKAGE);
  } catch {
    return undefined;
  }
  for (let folder = path.dirname(main); folder !== path.dirname(folder); folder = path.dirname(folder)) {
    const file = path.join(folder, 'bin', 'swiftshader.tar.br');
    if (!existsSync(file)) continue;
    const { version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { version: string };
    return { file, version };
  }
  return undefined;
}

/**
 * The folder that holds the unpacked driver. It lies in the user's cache, which others cannot write to; where there is
 * none, in a fresh temporary folder. It appears complete or not at all, so that processes may race for it.
 */
async function unpacked({ file, version }: Archive): Promise<string> {
  const fs = await builtin('fs');
  const os = await builtin('os');
  const path = await builtin('path');
  const name = `swiftshader-${version}-${fs.statSync(file).size}`;
  const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'preshuffle');
  const target = path.join(cache, name);
  if (fs.existsSync(path.join(target, MANIFEST))) return target;
  let parent = cache;
  try {
    fs.mkdirSync(cache, { recursive: true, mode: 0o700 });
    fs.accessSync(cache, fs.constants.W_OK);
  } catch {
    parent = os.tmpdir();
  }
  const fresh = fs.mkdtempSync(path.join(parent, `${name}-`));
  await unpackInto(fresh, file);
  if (parent !== cache) return fresh;
  try {
    fs.renameSync(fresh, target);
  } catch (error) {
    // Another process was first.
    fs.rmSync(fresh, { recursive: true, force: true });
    if (!fs.existsSync(path.join(target, MANIFEST))) throw error;
  }
  return target;
}

async function unpackInto(folder: string, file: string): Promise<void> {
  const { readFileSync, writeFileSync } = await builtin('fs');
  const { brotliDecompressSync } = await builtin('zlib');
  const files = readTar(brotliDecompressSync(readFileSync(file)));
  for (const name of [DRIVER, LOADER, MANIFEST]) {
    const bytes = files.get(name);
    if (bytes === undefined) throw new Error(`it does not hold ${name}`);
    writeFileSync(`${folder}/${name}`, bytes, { mode: 0o755 });
  }
}
