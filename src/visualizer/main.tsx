import { render } from 'preact';
import { App } from './app.tsx';
import { followKeyboard } from './state/keyboard.ts';
import { followLocation } from './state/store.ts';
import { followTheme } from './state/theme.ts';

followTheme();
followLocation();
followKeyboard();
const root = document.getElementById('app');
if (root !== null) render(<App />, root);
