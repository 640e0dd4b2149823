import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { count, parseTime, span, utc } from "../lib/format";
import { Icon } from "../ui/icon";
import { Blank, Failed, Skeleton } from "../ui/states";
import { type Column, type Sort, sorted, Table } from "../ui/table";
import { route, setQuery } from "./router";
import "../styles/directory.css";

/** The state of what a directory shows. */
export type Reading =
  | { readonly kind: "loading" }
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly error: unknown };

interface Props<T> {
  /** What the rows are, in the singular and in lower case, e.g. "node". */
  readonly what: string;
  readonly icon: string;
  /** Class of the rows: it sets `--cols`. */
  readonly rowClass: string;
  readonly state: Reading;
  readonly retry: () => void;
  /** How many there are in all. */
  readonly total: number;
  /** Those that the search and the other limits leave. */
  readonly rows: readonly T[];
  readonly columns: readonly Column<T>[];
  readonly keyOf: (row: T) => string;
  /** How the table is sorted at first. */
  readonly sort: Sort;
  /** What limits the rows, e.g. "search or status". */
  readonly limits: string;
  readonly showAll: () => void;
  /** What to say when there is none at all. */
  readonly none: string;
  readonly selected: string;
  readonly onOpen: (row: T) => void;
}

/** The rows of a directory, or why there are none. */
export function DirectoryTable<T>(props: Props<T>) {
  const { what, icon, rows, columns, state, total } = props;
  const sort = useSignal<Sort>(props.sort);
  const title = `${what.charAt(0).toUpperCase()}${what.slice(1)}s`;
  return (
    <main class="main dir" id="main" tabIndex={-1}>
      {state.kind === "loading" && total === 0 ? (
        <Skeleton lines={14} label={`The ${what}s are being read`} />
      ) : null}
      {state.kind === "failed" ? (
        <Failed what={`The ${what}s could not be read`} error={state.error} retry={props.retry} />
      ) : null}
      {state.kind === "ready" && total === 0 ? (
        <Blank icon={icon} title={`No ${what} is known yet`}>
          {props.none}
        </Blank>
      ) : null}
      {total > 0 && rows.length === 0 ? (
        <Blank
          icon="filter"
          title={`No ${what} matches`}
          actions={
            <button type="button" class="btn" onClick={props.showAll}>
              Show all
            </button>
          }
        >
          {count(total)} {what}s are known; {props.limits} leave none of them.
        </Blank>
      ) : null}
      {rows.length > 0 ? (
        <Table
          label={title}
          rowClass={props.rowClass}
          columns={columns}
          rows={sorted(rows, columns, sort.value)}
          keyOf={props.keyOf}
          sort={sort.value}
          onSort={(next) => {
            sort.value = next;
          }}
          selected={props.selected}
          onOpen={props.onOpen}
        />
      ) : null}
    </main>
  );
}

/** The bar above a directory: a search, a choice of status, and what else limits it. The address holds both. */
export function DirectoryBar({
  class: name = "",
  search,
  states,
  children,
}: {
  class?: string;
  /** What can be searched for, e.g. "Name or key prefix". */
  search: string;
  /** Values of `status` in the address with their words. */
  states: readonly (readonly [string, string])[];
  children?: ComponentChildren;
}) {
  const { query } = route.value;
  const status = query.get("status") ?? "";
  return (
    <div class={`filterbar nf ${name}`}>
      {children}
      <label class="field nq">
        <Icon name="search" />
        <input
          type="search"
          class="bare"
          placeholder={search}
          aria-label={search}
          value={query.get("search") ?? ""}
          onInput={(event) => setQuery({ search: event.currentTarget.value })}
        />
      </label>
      <span class="seg" role="group" aria-label="Status">
        {states.map(([key, label]) => (
          <button
            key={key}
            type="button"
            aria-pressed={status === key}
            onClick={() => setQuery({ status: key })}
          >
            {label}
          </button>
        ))}
      </span>
    </div>
  );
}

/** The column that tells how long ago something was last heard. */
export function lastColumn<T extends { readonly last_seen?: string | null }>(
  label: string,
  nowMs: number,
): Column<T> {
  return {
    key: "last",
    label,
    class: "num c-la",
    by: (row) => parseTime(row.last_seen),
    cell: (row) => {
      const last = parseTime(row.last_seen);
      return last === null ? (
        "never"
      ) : (
        <span title={utc(last)}>{span(Math.max(0, nowMs - last) / 1000)}</span>
      );
    },
  };
}
