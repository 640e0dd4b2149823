import { useLayoutEffect, useRef, useState } from "preact/hooks";

/** The part of a long list that is in the DOM. */
export interface Window {
  readonly first: number;
  /** One past the last. */
  readonly end: number;
  readonly rowPx: number;
  /** Height of all rows in px. */
  readonly totalPx: number;
}

/** Rows drawn above and below what is seen. */
const OVERSCAN = 12;
/** Browsers cannot lay out more than this; rows beyond are not reachable by scrolling. */
const MAX_PX = 30_000_000;

/** Which rows of `count` are seen in a box of `heightPx` scrolled to `topPx`. */
export function windowOf(topPx: number, heightPx: number, count: number, rowPx: number): Window {
  const rows = Math.min(count, Math.floor(MAX_PX / rowPx));
  const first = Math.max(0, Math.min(rows, Math.floor(topPx / rowPx) - OVERSCAN));
  const end = Math.min(rows, Math.ceil((topPx + heightPx) / rowPx) + OVERSCAN);
  return { first, end: Math.max(first, end), rowPx, totalPx: rows * rowPx };
}

/** Follows a scrolling box and answers with the rows to draw. The row height is measured from the first row with `data-row`. */
export function useWindow(box: { readonly current: HTMLElement | null }, count: number, guessPx: number) {
  const [view, setView] = useState({ topPx: 0, heightPx: 800, rowPx: guessPx });
  const viewRef = useRef(view);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const read = (): void => {
      const row = element.querySelector<HTMLElement>("[data-row]");
      const next = {
        topPx: element.scrollTop,
        heightPx: element.clientHeight,
        rowPx: row?.offsetHeight || viewRef.current.rowPx,
      };
      const old = viewRef.current;
      if (next.topPx === old.topPx && next.heightPx === old.heightPx && next.rowPx === old.rowPx) return;
      viewRef.current = next;
      setView(next);
    };
    read();
    element.addEventListener("scroll", read, { passive: true });
    const watch = new ResizeObserver(read);
    watch.observe(element);
    return () => {
      element.removeEventListener("scroll", read);
      watch.disconnect();
    };
  }, [box, count > 0]);
  return windowOf(view.topPx, view.heightPx, count, view.rowPx);
}
