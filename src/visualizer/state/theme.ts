import { computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import {
  rememberChoice,
  rememberedChoice,
  showTheme,
  systemDark,
  type Theme,
  type ThemeChoice,
} from './stored-theme.ts';

const systemTheme: Signal<Theme> = signal(systemDark.matches ? 'dark' : 'light');
systemDark.addEventListener('change', ({ matches }) => {
  systemTheme.value = matches ? 'dark' : 'light';
});

/** What the user chose; remembered in this browser where it allows that. */
export const themeChoice: Signal<ThemeChoice> = signal(rememberedChoice());

/** The theme in force; canvases read their colours by it. */
export const theme: ReadonlySignal<Theme> = computed(() =>
  themeChoice.value === 'system' ? systemTheme.value : themeChoice.value,
);

/** Keeps the document's theme and the remembered choice up to date. */
export function followTheme(): void {
  effect(() => showTheme(theme.value));
  effect(() => rememberChoice(themeChoice.value));
}

export type { Theme, ThemeChoice };
