/** Builds the visualizer into a folder, which is emptied first. */
export function buildVisualizer(outdir: string): Promise<void>;
