import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Paint } from '../model/grid.ts';
import { type Spot, type StepSample, stepSpots } from '../model/step-cells.ts';
import type { Step } from '../model/steps.ts';
import { opaque } from '../render/marks.ts';

/** Milliseconds for one step. */
const DURATION = 700;
/** Largest cell in CSS pixels. */
const LARGEST = 26;
const HEIGHT = 300;

export interface StepCanvasProps {
  readonly sample: StepSample;
  readonly steps: readonly Step[];
  /** Step that is shown; the cells move there from the one before. */
  readonly step: number;
  readonly paint: Paint;
  readonly theme: string;
  readonly hover: number | undefined;
  onHover(key: number | undefined): void;
}

/** The cells of a sample, moving from one step to the next. With reduced motion they jump. */
export function StepCanvas(props: StepCanvasProps): JSX.Element {
  const { sample, steps, step, paint, hover } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(600);
  const spots = useMemo(() => steps.map(({ kind }) => stepSpots(sample, kind)), [sample, steps]);
  const cell = useMemo(() => cellSize(spots, width), [spots, width]);
  const colors = useMemo(() => {
    const keys = Float64Array.from(sample.cells, ({ key }) => key);
    const out = new Uint32Array(keys.length);
    paint.fill(keys, keys.length, out);
    return Array.from(out, (color) => cssColor(opaque(color)));
  }, [sample, paint]);
  // Where the picture is: between two steps while it moves.
  const shown = useRef(step);
  const draw = useRef<() => void>(() => {});
  draw.current = () => {
    if (canvas.current !== null)
      paintCells(canvas.current, { ...props, spots, cell, colors, position: shown.current, width });
  };

  useEffect(() => {
    const box = canvas.current?.parentElement;
    if (box === null || box === undefined) return undefined;
    const observer = new ResizeObserver(() => setWidth(Math.max(200, box.clientWidth)));
    observer.observe(box);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    draw.current();
  }, [spots, cell, colors, hover, width, props.theme]);

  useEffect(() => {
    const from = shown.current;
    if (from === step) return undefined;
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) {
      shown.current = step;
      draw.current();
      return undefined;
    }
    const began = performance.now();
    const duration = DURATION * Math.max(1, Math.abs(step - from) ** 0.5);
    let frame = requestAnimationFrame(function next(now) {
      const share = Math.min(1, (now - began) / duration);
      shown.current = from + (step - from) * ease(share);
      draw.current();
      if (share < 1) frame = requestAnimationFrame(next);
    });
    return () => cancelAnimationFrame(frame);
  }, [step]);

  return (
    <div class="step-box">
      <canvas
        ref={canvas}
        class="step-canvas"
        role="img"
        aria-label={`${sample.cells.length} elements after ${steps[step]?.text ?? ''}`}
        onPointerMove={(event) => {
          const at = spots[step] ?? [];
          const x = event.offsetX / cell;
          const y = event.offsetY / cell;
          const index = at.findIndex((spot) => x >= spot.x && x < spot.x + 1 && y >= spot.y && y < spot.y + 1);
          props.onHover(sample.cells[index]?.key);
        }}
        onPointerLeave={() => props.onHover(undefined)}
      />
    </div>
  );
}

interface Picture extends StepCanvasProps {
  readonly spots: readonly (readonly Spot[])[];
  readonly cell: number;
  readonly colors: readonly string[];
  /** Between two steps: their weighted mean. */
  readonly position: number;
  readonly width: number;
}

function paintCells(canvas: HTMLCanvasElement, picture: Picture): void {
  const { sample, steps, spots, cell, colors, position, width, hover } = picture;
  const before = Math.floor(position);
  const share = position - before;
  const from = spots[before] ?? [];
  const to = spots[Math.min(before + 1, spots.length - 1)] ?? [];
  const ratio = devicePixelRatio;
  const height = Math.ceil(Math.max(...spots.map((list) => extentOf(list, 'y'))) * cell) + 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.scale(ratio, ratio);
  // Padding is there from the step that makes it.
  const pads = steps.findIndex(({ kind }) => kind === 'pad');
  const visible = pads === -1 ? 1 : Math.min(1, Math.max(0, position - pads + 1));
  const size = cell > 6 ? cell - 1 : cell;
  for (const [index, { isPadding }] of sample.cells.entries()) {
    const a = from[index] as Spot;
    const b = to[index] as Spot;
    context.globalAlpha = isPadding ? visible * 0.5 : 1;
    context.fillStyle = colors[index] as string;
    context.fillRect((a.x + (b.x - a.x) * share) * cell, (a.y + (b.y - a.y) * share) * cell, size, size);
  }
  const index = sample.cells.findIndex(({ key }) => key === hover);
  if (index === -1) return;
  const a = from[index] as Spot;
  const b = to[index] as Spot;
  context.globalAlpha = 1;
  context.lineWidth = 2;
  context.strokeStyle = getComputedStyle(canvas).color;
  context.strokeRect((a.x + (b.x - a.x) * share) * cell, (a.y + (b.y - a.y) * share) * cell, size, size);
}

/** The largest cell with which every step fits. */
function cellSize(spots: readonly (readonly Spot[])[], width: number): number {
  const columns = Math.max(1, ...spots.map((list) => extentOf(list, 'x')));
  const rows = Math.max(1, ...spots.map((list) => extentOf(list, 'y')));
  return Math.max(2, Math.min(LARGEST, width / columns, HEIGHT / rows));
}

function extentOf(spots: readonly Spot[], axis: 'x' | 'y'): number {
  return spots.reduce((most, spot) => Math.max(most, spot[axis] + 1), 1);
}

function ease(share: number): number {
  return share < 0.5 ? 2 * share * share : 1 - 2 * (1 - share) ** 2;
}

function cssColor(color: number): string {
  return `rgb(${color & 0xff} ${(color >>> 8) & 0xff} ${(color >>> 16) & 0xff})`;
}
