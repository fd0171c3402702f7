import { computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals';

export type ThemeChoice = 'system' | 'light' | 'dark';
export type Theme = 'light' | 'dark';

const KEY = 'preshuffle-theme';
const systemDark = matchMedia('(prefers-color-scheme: dark)');
const systemTheme: Signal<Theme> = signal(systemDark.matches ? 'dark' : 'light');
systemDark.addEventListener('change', ({ matches }) => {
  systemTheme.value = matches ? 'dark' : 'light';
});

/** What the user chose; remembered in this browser where it allows that. */
export const themeChoice: Signal<ThemeChoice> = signal(remembered());

/** The theme in force; canvases read their colours by it. */
export const theme: ReadonlySignal<Theme> = computed(() =>
  themeChoice.value === 'system' ? systemTheme.value : themeChoice.value,
);

/** Sets `data-theme` of the document, on which the style sheet's colours depend. */
export function followTheme(): void {
  effect(() => {
    document.documentElement.dataset['theme'] = theme.value;
  });
  effect(() => {
    try {
      localStorage.setItem(KEY, themeChoice.value);
    } catch {
      // A page opened from a file may have no storage; the choice then lasts as long as the page.
    }
  });
}

function remembered(): ThemeChoice {
  try {
    const stored = localStorage.getItem(KEY);
    return stored === 'light' || stored === 'dark' ? stored : 'system';
  } catch {
    return 'system';
  }
}
