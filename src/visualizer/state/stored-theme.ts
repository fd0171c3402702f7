export type ThemeChoice = 'system' | 'light' | 'dark';
export type Theme = 'light' | 'dark';

const KEY = 'preshuffle-theme';

export const systemDark: MediaQueryList = matchMedia('(prefers-color-scheme: dark)');

/** What the user chose before in this browser. */
export function rememberedChoice(): ThemeChoice {
  try {
    const stored = localStorage.getItem(KEY);
    return stored === 'light' || stored === 'dark' ? stored : 'system';
  } catch {
    // A page opened from a file may have no storage.
    return 'system';
  }
}

export function rememberChoice(choice: ThemeChoice): void {
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // The choice then lasts as long as the page.
  }
}

/** Sets `data-theme` of the document, on which the style sheet's colours depend. */
export function showTheme(theme: Theme): void {
  document.documentElement.dataset['theme'] = theme;
}
