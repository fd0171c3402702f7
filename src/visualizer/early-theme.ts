// Runs before the first paint, which the page's modules do not: without it a dark page would flash up light.
import { rememberedChoice, showTheme, systemDark } from './state/stored-theme.ts';

const choice = rememberedChoice();
showTheme(choice === 'system' ? (systemDark.matches ? 'dark' : 'light') : choice);
