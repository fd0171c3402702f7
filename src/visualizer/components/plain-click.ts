/** Whether a click on a link stays in the page; with a key held or another button the browser opens a tab or window. */
export function isPlainClick({ ctrlKey, metaKey, shiftKey, button }: MouseEvent): boolean {
  return !ctrlKey && !metaKey && !shiftKey && button === 0;
}
