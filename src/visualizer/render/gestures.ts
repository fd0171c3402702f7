/** What pointers and wheels ask of a grid. Positions are CSS pixels from the element's corner. */
export interface GestureHandlers {
  hover(x: number, y: number): void;
  leave(): void;
  pan(dx: number, dy: number): void;
  /**
   * Zooms about a point, to which what is `dx`, `dy` pixels before it moves at the same time.
   * @returns whether the scale changed; if not, the page scrolls instead
   */
  zoom(factor: number, x: number, y: number, dx?: number, dy?: number): boolean;
  pick(x: number, y: number, add: boolean): void;
}

/** Pixels that a pointer may stray in a click. */
const CLICK_RADIUS = 4;
/** Zoom for each pixel of a wheel; pinches on a touchpad come as wheels with Ctrl and smaller steps. */
const WHEEL_ZOOM = 0.0018;
const PINCH_ZOOM = 0.01;
/** Pixels of a wheel's line. */
const WHEEL_LINE = 24;
const DOUBLE_CLICK_ZOOM = 2;

interface Point {
  x: number;
  y: number;
}

/** Listens on an element; call the result to stop. */
export function attachGestures(element: HTMLElement, handlers: GestureHandlers): () => void {
  const pointers = new Map<number, Point>();
  /** How far the pointers have moved since the first came down. */
  let travelled = 0;
  let pinched = false;

  const at = (event: MouseEvent): Point => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    if (pointers.size === 0) {
      travelled = 0;
      pinched = false;
    } else pinched = true;
    pointers.set(event.pointerId, at(event));
    element.setPointerCapture(event.pointerId);
  };
  const move = (event: PointerEvent): void => {
    const last = pointers.get(event.pointerId);
    const next = at(event);
    if (last === undefined) {
      handlers.hover(next.x, next.y);
      return;
    }
    const dx = next.x - last.x;
    const dy = next.y - last.y;
    travelled += Math.hypot(dx, dy);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, next);
    if (other !== undefined) pinch(handlers, last, next, other);
    else if (travelled > CLICK_RADIUS) {
      element.classList.add('is-panning');
      handlers.pan(dx, dy);
    }
  };
  const up = (event: PointerEvent): void => {
    if (!pointers.delete(event.pointerId)) return;
    if (pointers.size > 0) return;
    element.classList.remove('is-panning');
    // The second click of a double click zooms; it must not pick again.
    if (travelled > CLICK_RADIUS || pinched || event.type === 'pointercancel') return;
    const { x, y } = at(event);
    handlers.hover(x, y);
    handlers.pick(x, y, event.shiftKey);
  };
  const leave = (event: PointerEvent): void => {
    if (!pointers.has(event.pointerId) && event.pointerType !== 'touch') handlers.leave();
  };
  const wheel = (event: WheelEvent): void => {
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? WHEEL_LINE : 1;
    const isSideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (isSideways) {
      handlers.pan(-event.deltaX * unit, 0);
      event.preventDefault();
      return;
    }
    const { x, y } = at(event);
    const speed = event.ctrlKey ? PINCH_ZOOM : WHEEL_ZOOM;
    const changed = handlers.zoom(Math.exp(-event.deltaY * unit * speed), x, y);
    // Ctrl would zoom the whole page.
    if (changed || event.ctrlKey) event.preventDefault();
  };
  const doubleClick = (event: MouseEvent): void => {
    const { x, y } = at(event);
    handlers.zoom(event.shiftKey ? 1 / DOUBLE_CLICK_ZOOM : DOUBLE_CLICK_ZOOM, x, y);
  };

  const stop = new AbortController();
  const { signal } = stop;
  element.addEventListener('pointerdown', down, { signal });
  element.addEventListener('pointermove', move, { signal });
  element.addEventListener('pointerup', up, { signal });
  element.addEventListener('pointercancel', up, { signal });
  element.addEventListener('pointerleave', leave, { signal });
  element.addEventListener('wheel', wheel, { signal, passive: false });
  element.addEventListener('dblclick', doubleClick, { signal });
  return () => stop.abort();
}

/** Two fingers: the distance zooms, the middle moves. */
function pinch(handlers: GestureHandlers, last: Point, next: Point, other: Point): void {
  const before = Math.hypot(last.x - other.x, last.y - other.y);
  const after = Math.hypot(next.x - other.x, next.y - other.y);
  if (before === 0 || after === 0) return;
  const middle = { x: (next.x + other.x) / 2, y: (next.y + other.y) / 2 };
  handlers.zoom(after / before, middle.x, middle.y, (next.x - last.x) / 2, (next.y - last.y) / 2);
}
