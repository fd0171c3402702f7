export { bankGrid, describeBanks, describeLines, lineGrid, type WaveAccess, waveAccess } from './bank.ts';
export { type LogicalGridOptions, logicalGrid } from './logical.ts';
export { memoryGrid } from './memory.ts';
export { placeOf, type RegisterView, registerGrid } from './register.ts';
export { elementsOfScale, scaleGrid, scaleKeyOf } from './scale.ts';
export { layoutTile, type Tile } from './tile.ts';
