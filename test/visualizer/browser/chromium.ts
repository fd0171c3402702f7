import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const INSTALLED = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

/** Quiet and alone. */
const FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** WebGPU on a software adapter, so that every machine gives the same answers. */
const WEBGPU = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan'];
const NO_WEBGPU = ['--disable-features=WebGPU'];

/** Why no browser can be had here; undefined when one can. */
export function missingChromium(): string | undefined {
  if (installed() !== undefined || (process.platform === 'linux' && process.arch === 'x64')) return undefined;
  return 'no Chromium or Chrome was found; install one, or name its program in PRESHUFFLE_CHROMIUM';
}

/**
 * The browser of this machine, or the one in an npm package where there is none. That one is unpacked on first use: call it once
 * before test files run side by side.
 */
export async function chromiumPath(): Promise<string> {
  const found = installed();
  if (found !== undefined) return found;
  // The package unpacks the libraries that Chromium needs only where it believes to be in such a place.
  process.env['AWS_LAMBDA_JS_RUNTIME'] ??= `nodejs${process.versions.node.split('.')[0]}.x`;
  const { default: packaged } = await import('@sparticuz/chromium');
  return packaged.executablePath();
}

function installed(): string | undefined {
  return process.env['PRESHUFFLE_CHROMIUM'] ?? INSTALLED.find((file) => existsSync(file));
}

export async function launchChromium(options: { readonly webgpu?: boolean } = {}): Promise<Browser> {
  const args = [...FLAGS, ...(options.webgpu === false ? NO_WEBGPU : WEBGPU)];
  return chromium.launch({ executablePath: await chromiumPath(), args });
}
