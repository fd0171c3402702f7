import type { JSX } from 'preact';
import { SCREENS, type ScreenId } from '../model/scene.ts';
import { dialog } from '../state/keyboard.ts';
import { linkOf, open, scene } from '../state/store.ts';
import { type ThemeChoice, themeChoice } from '../state/theme.ts';
import { CopyLink } from './copy-link.tsx';
import { Lazy } from './lazy.tsx';
import { isPlainClick } from './plain-click.ts';

const NAMES: Readonly<Record<ScreenId, string>> = {
  atlas: 'Atlas',
  lens: 'Lens',
  diff: 'Diff',
  incidents: 'Incidents',
  tensor: 'Tensor',
  golden: 'Golden',
  run: 'Run',
};

const THEMES: readonly ThemeChoice[] = ['system', 'light', 'dark'];

const loadHelp = () => import('./help-dialog.tsx').then((part) => part.HelpDialog);
const loadExport = () => import('./export-dialog.tsx').then((part) => part.ExportDialog);

/** Name, navigation, tools and theme. Links are real ones, so that a screen can be opened in a new tab. */
export function Header(): JSX.Element {
  return (
    <header class="header">
      <button type="button" class="skip" onClick={skipToScreen}>
        Skip to the screen
      </button>
      <span class="brand">
        <img src="icon.svg" alt="" width="20" height="20" />
        preshuffle
      </span>
      <nav aria-label="Screens">
        {SCREENS.map((screen) => (
          <ScreenLink key={screen} screen={screen} />
        ))}
      </nav>
      <div class="tools">
        <CopyLink />
        <button
          type="button"
          onClick={() => {
            dialog.value = 'export';
          }}
        >
          Export
        </button>
        <button
          type="button"
          onClick={() => {
            dialog.value = 'help';
          }}
        >
          Help
        </button>
        <label class="theme">
          <span>Theme</span>
          <select
            value={themeChoice.value}
            onChange={(event) => {
              themeChoice.value = event.currentTarget.value as ThemeChoice;
            }}
          >
            {THEMES.map((choice) => (
              <option key={choice} value={choice}>
                {choice}
              </option>
            ))}
          </select>
        </label>
      </div>
      {dialog.value === 'help' ? <Lazy key="help" load={loadHelp} /> : null}
      {dialog.value === 'export' ? <Lazy key="export" load={loadExport} /> : null}
    </header>
  );
}

function ScreenLink({ screen }: { readonly screen: ScreenId }): JSX.Element {
  // The Atlas itself, not the view of it that a topic opens.
  const target = screen === 'atlas' ? { screen, topic: undefined } : { screen };
  return (
    <a
      href={linkOf({ ...scene.value, ...target })}
      aria-current={scene.value.screen === screen ? 'page' : undefined}
      onClick={(event) => {
        if (!isPlainClick(event)) return;
        event.preventDefault();
        open(target, true);
      }}
    >
      {NAMES[screen]}
    </a>
  );
}

function skipToScreen(): void {
  const main = document.getElementById('screen');
  main?.setAttribute('tabindex', '-1');
  main?.focus();
}
