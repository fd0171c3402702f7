export { openHip, probeHip } from './hip.ts';
