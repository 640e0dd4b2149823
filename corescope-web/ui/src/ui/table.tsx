import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { Icon } from "./icon";
import { useWindow } from "./virtual";

/** A column of a table. */
export interface Column<T> {
  readonly key: string;
  readonly label: string;
  /** Class of its cells, e.g. `num`. */
  readonly class?: string;
  /** What rows are sorted by; without, the column cannot be sorted. Empty values come last either way. */
  readonly by?: (row: T) => number | string | null;
  readonly cell: (row: T) => ComponentChildren;
}

/** How a table is sorted. */
export interface Sort {
  readonly key: string;
  readonly down: boolean;
}

interface Props<T> {
  readonly label: string;
  /** Class of the rows: it sets `--cols`. */
  readonly rowClass: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
  /** Key of the row that is shown beside the table; empty for none. */
  readonly selected: string;
  readonly onOpen?: (row: T) => void;
}

/** Sorts rows by a column; ties keep the order they came in, rows without a value come last. */
export function sorted<T>(rows: readonly T[], columns: readonly Column<T>[], sort: Sort): T[] {
  const by = columns.find((column) => column.key === sort.key)?.by;
  if (!by) return [...rows];
  const sign = sort.down ? -1 : 1;
  return rows
    .map((row, at) => ({ row, at, value: by(row) }))
    .sort((a, b) => {
      if (a.value === null || b.value === null)
        return a.value === b.value ? a.at - b.at : a.value === null ? 1 : -1;
      const order =
        typeof a.value === "string" ? a.value.localeCompare(String(b.value)) : a.value - Number(b.value);
      return order === 0 ? a.at - b.at : sign * order;
    })
    .map(({ row }) => row);
}

/** A table of any length: sorted by its head, walked by arrows, only what is seen in the DOM. */
export function Table<T>({
  label,
  rowClass,
  columns,
  rows,
  keyOf,
  sort,
  onSort,
  selected,
  onOpen,
}: Props<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [focusKey, setFocusKey] = useState("");
  const view = useWindow(box, rows.length, 26);
  const at = focusKey ? rows.findIndex((row) => keyOf(row) === focusKey) : -1;
  const move = (index: number): void => {
    const next = Math.max(0, Math.min(rows.length - 1, index));
    const row = rows[next];
    if (row) setFocusKey(keyOf(row));
    const element = box.current;
    if (!element) return;
    const head = element.querySelector<HTMLElement>(".head")?.offsetHeight ?? 0;
    const top = next * view.rowPx;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + view.rowPx + head > element.scrollTop + element.clientHeight)
      element.scrollTop = top + view.rowPx + head - element.clientHeight;
  };
  const key = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor((box.current?.clientHeight ?? 0) / view.rowPx) - 2);
    const moves: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: rows.length - 1,
    };
    const next = moves[event.key];
    const row = rows[at];
    if (event.target !== box.current) return;
    if (next !== undefined) move(next);
    else if ((event.key === "Enter" || event.key === " ") && row && onOpen) onOpen(row);
    else return;
    event.preventDefault();
  };
  return (
    <div
      class="grid scroll"
      role="grid"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length}
      aria-activedescendant={at >= 0 ? `row-${at}` : undefined}
      tabIndex={0}
      ref={box}
      onKeyDown={key}
      onFocus={() => {
        if (at < 0 && box.current?.matches(":focus-visible")) move(view.first);
      }}
    >
      <div class={`row head ${rowClass}`} role="row" aria-rowindex={1}>
        {columns.map((column) => (
          <Head key={column.key} column={column} sort={sort} onSort={onSort} />
        ))}
      </div>
      <div role="rowgroup" style={{ height: `${view.totalPx}px` }}>
        <div role="presentation" style={{ transform: `translateY(${view.first * view.rowPx}px)` }}>
          {rows.slice(view.first, view.end).map((row, n) => {
            const index = view.first + n;
            const name = keyOf(row);
            return (
              <div
                key={name}
                id={`row-${index}`}
                class={`row ${rowClass}${index === at ? " is-focus" : ""}`}
                role="row"
                aria-rowindex={index + 2}
                aria-selected={onOpen ? name === selected : undefined}
                data-row={index}
                onClick={() => {
                  setFocusKey(name);
                  onOpen?.(row);
                }}
              >
                {columns.map((column) => (
                  <span key={column.key} role="gridcell" class={column.class}>
                    {column.cell(row)}
                  </span>
                ))}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function Head<T>({ column, sort, onSort }: { column: Column<T>; sort: Sort; onSort: (sort: Sort) => void }) {
  const own = sort.key === column.key;
  const order = own ? (sort.down ? "descending" : "ascending") : "none";
  if (!column.by) {
    return (
      <span role="columnheader" class={column.class}>
        {column.label}
      </span>
    );
  }
  return (
    <span role="columnheader" class={column.class} aria-sort={order}>
      <button
        type="button"
        class={`bareb${own ? " sort" : ""}`}
        onClick={() => onSort({ key: column.key, down: own ? !sort.down : true })}
      >
        {column.label}
        {own ? <Icon name={sort.down ? "chevron-down" : "chevron-up"} /> : null}
      </button>
    </span>
  );
}
