/** Waiting work, oldest first; one piece runs in each idle moment, so that scrolling stays smooth. */
const queue: (() => void)[] = [];
let isRunning = false;

const later: (run: () => void) => void =
  typeof requestIdleCallback === 'function'
    ? (run) => {
        requestIdleCallback(run, { timeout: 200 });
      }
    : (run) => {
        setTimeout(run, 4);
      };

function runNext(): void {
  const work = queue.shift();
  isRunning = work !== undefined;
  if (work === undefined) return;
  work();
  later(runNext);
}

/** Runs `work` once the element is near the visible part of the page. @returns call it to forget the work */
export function whenSeen(element: Element, work: () => void): () => void {
  const observer = new IntersectionObserver(
    (entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      observer.disconnect();
      queue.push(work);
      if (isRunning) return;
      isRunning = true;
      later(runNext);
    },
    { rootMargin: '200px' },
  );
  observer.observe(element);
  return () => {
    observer.disconnect();
    const at = queue.indexOf(work);
    if (at >= 0) queue.splice(at, 1);
  };
}
