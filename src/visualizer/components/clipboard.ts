/** @returns whether the text is on the clipboard; browsers refuse without a secure context or permission */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
