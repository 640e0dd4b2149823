import type { Signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { useApp } from "../../app/context";
import { plural } from "../../lib/format";
import { useHops } from "../../app/hops";
import { Icon } from "../../ui/icon";
import { useWindow } from "../../ui/virtual";
import type { PacketList } from "./list";
import type { Row } from "./row";
import { COLUMNS, rowId, RowView } from "./row-view";

interface Props {
  readonly list: PacketList;
  /** Hash of the row that the inspector shows; empty for none. */
  readonly selected: string;
  readonly onTop: Signal<number>;
  /** Whether the reader has left the top. */
  readonly away: { current: boolean };
  readonly onOpen: (row: Row) => void;
}

const CELL_CLASS = ["time", "", "c-hash", "num c-size", "num c-snr", "c-path", "c-obs", "num c-rpt", "c-det"];

/** The virtual grid: only the rows that are seen are in the DOM; the reader does not move when new ones come on top. */
export function Grid({ list, selected, onTop, away, onOpen }: Props) {
  const app = useApp();
  const hops = useHops();
  const box = useRef<HTMLDivElement>(null);
  const [focusHash, setFocusHash] = useState("");
  const revision = list.revision.value;
  const view = useWindow(box, list.length, 26);
  const liveBefore = useRef(list.liveLength);
  const [freshBelow, setFreshBelow] = useState(0);

  useLayoutEffect(() => {
    const grown = list.liveLength - liveBefore.current;
    liveBefore.current = list.liveLength;
    if (grown <= 0 || !box.current) return;
    if (away.current) box.current.scrollTop += grown * view.rowPx;
    setFreshBelow(grown <= 5 ? grown : 0);
  }, [revision]);
  useEffect(() => {
    liveBefore.current = list.liveLength;
    away.current = false;
    if (box.current) box.current.scrollTop = 0;
    onTop.value = 0;
  }, [list]);
  useEffect(() => list.show(view.first, view.end - 1), [list, view.first, view.end, revision]);
  const scrolled = (): void => {
    away.current = (box.current?.scrollTop ?? 0) > view.rowPx / 2;
    if (!away.current && onTop.value !== 0) onTop.value = 0;
  };
  const focusAt = focusHash ? list.indexOf(focusHash) : -1;
  const move = (index: number): void => {
    const at = Math.max(0, Math.min(list.length - 1, index));
    const row = list.at(at);
    if (row) setFocusHash(row.hash);
    reveal(box.current, at, view.rowPx);
  };
  const key = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor((box.current?.clientHeight ?? 0) / view.rowPx) - 2);
    const moves: Record<string, number> = {
      ArrowDown: focusAt + 1,
      ArrowUp: focusAt - 1,
      PageDown: focusAt + page,
      PageUp: focusAt - page,
      Home: 0,
      End: list.length - 1,
    };
    const next = moves[event.key];
    const row = focusAt >= 0 ? list.at(focusAt) : undefined;
    if (next !== undefined) move(next);
    else if ((event.key === "Enter" || event.key === " ") && row) onOpen(row);
    else return;
    event.preventDefault();
  };
  const click = (event: MouseEvent): void => {
    const index = Number(
      (event.target as Element).closest<HTMLElement>("[data-row]")?.dataset["row"] ?? Number.NaN,
    );
    const row = Number.isNaN(index) ? undefined : list.at(index);
    if (!row) return;
    setFocusHash(row.hash);
    onOpen(row);
  };
  const indices = Array.from({ length: view.end - view.first }, (_, at) => view.first + at);
  return (
    <div class="gridbox">
      <div
        class="grid scroll"
        role="grid"
        aria-label="Packets"
        aria-rowcount={list.length + 1}
        aria-colcount={COLUMNS.length}
        aria-activedescendant={focusAt >= 0 ? rowId(focusAt) : undefined}
        tabIndex={0}
        ref={box}
        onScroll={scrolled}
        onKeyDown={key}
        onFocus={() => {
          if (focusAt < 0 && box.current?.matches(":focus-visible")) move(view.first);
        }}
        onClick={click}
      >
        <div class="row pk head" role="row" aria-rowindex={1}>
          <i />
          {COLUMNS.map((name, at) => (
            <span
              key={name}
              role="columnheader"
              aria-sort={at === 0 ? "descending" : undefined}
              class={CELL_CLASS[at]}
            >
              {at === 0 ? (
                <span class="sort">
                  {name}
                  <Icon name="chevron-down" />
                </span>
              ) : (
                name
              )}
            </span>
          ))}
        </div>
        <div role="rowgroup" style={{ height: `${view.totalPx}px` }}>
          <div role="presentation" style={{ transform: `translateY(${view.first * view.rowPx}px)` }}>
            {indices.map((index) => {
              const row = list.at(index);
              if (!row) return <EmptyRow key={`empty-${index}`} index={index} />;
              return (
                <RowView
                  key={row.hash}
                  row={row}
                  index={index}
                  selected={row.hash === selected}
                  focused={index === focusAt}
                  fresh={index < freshBelow}
                  nowMs={Math.floor(app.nowMs.value / 86_400_000) * 86_400_000 || app.nowMs.value}
                  hops={hops}
                  observations={row.observations}
                />
              );
            })}
          </div>
        </div>
      </div>
      {list.trouble.value ? (
        <p class="note bad gridnote" role="status">
          <Icon name="alert" />
          <span>Some rows could not be read.</span>
          <button type="button" class="btn small" onClick={() => list.revision.value++}>
            Try again
          </button>
        </p>
      ) : null}
      {onTop.value > 0 && away.current ? (
        <button
          type="button"
          class="btn primary newrows"
          onClick={() => {
            if (box.current) box.current.scrollTop = 0;
            box.current?.focus({ preventScroll: true });
          }}
        >
          <Icon name="chevron-up" />
          {plural(onTop.value, "new packet")}
        </button>
      ) : null}
    </div>
  );
}

function EmptyRow({ index }: { index: number }) {
  return (
    <div class="row pk empty" role="row" aria-rowindex={index + 2} aria-busy="true" data-row={index}>
      <i class="stripe" />
      <span role="gridcell" class="time">
        <span class="skel" style={{ display: "block" }} />
      </span>
    </div>
  );
}

function reveal(box: HTMLElement | null, index: number, rowPx: number): void {
  if (!box) return;
  const head = box.querySelector<HTMLElement>(".head")?.offsetHeight ?? 0;
  const top = index * rowPx;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + rowPx + head > box.scrollTop + box.clientHeight)
    box.scrollTop = top + rowPx + head - box.clientHeight;
}
