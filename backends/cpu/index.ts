export { openCpu, probeCpu } from './cpu.ts';
