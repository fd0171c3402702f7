import type { Scene } from '../model/scene.ts';
import { linkOf } from '../state/store.ts';

/** The permalink with the address of this page. */
export function fullLink(scene: Scene): string {
  return location.href.replace(/#.*$/, '') + linkOf(scene);
}

/** @returns whether the text is on the clipboard; browsers refuse without a secure context or permission */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
