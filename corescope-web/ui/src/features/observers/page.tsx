import { useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Observer } from "../../api/types";
import { useApp } from "../../app/context";
import { Header } from "../../app/header";
import { go, route, setQuery } from "../../app/router";
import { count, parseTime, signed, span, utc } from "../../lib/format";
import { type Health, healthOf } from "../../lib/health";
import { Icon } from "../../ui/icon";
import { Name, RoleMark } from "../../ui/marks";
import { Blank, Skeleton } from "../../ui/states";
import { type Column, type Sort, sorted, Table } from "../../ui/table";
import "../../styles/directory.css";

const STATES = [
  ["", "All"],
  ["ok", "Healthy"],
  ["half", "Degraded"],
  ["hollow", "Silent"],
] as const;

/** The stations that publish what they hear. */
export function ObserversPage() {
  const app = useApp();
  const { query } = route.value;
  const sort = useSignal<Sort>({ key: "hour", down: true });
  const tick = useComputed(() => Math.floor(app.nowMs.value / 10_000) * 10_000);
  useEffect(() => {
    void app.readObservers();
  }, [app]);
  const all = app.observers.value;
  const now = tick.value;
  const search = (query.get("search") ?? "").toLowerCase();
  const status = query.get("status") ?? "";
  const columns = columnsFor(now);
  const health = (observer: Observer): Health => healthOf("observer", parseTime(observer.last_seen), now);
  const rows = sorted(
    (all ?? []).filter(
      (observer) =>
        (search === "" ||
          `${observer.name ?? ""} ${observer.id} ${observer.iata ?? ""}`.toLowerCase().includes(search)) &&
        (status === "" || health(observer).mark === status),
    ),
    columns,
    sort.value,
  );
  const tally = (mark: string): number =>
    (all ?? []).filter((observer) => health(observer).mark === mark).length;
  return (
    <>
      <Header
        title="Observers"
        note={
          all
            ? `${tally("ok")} healthy, ${tally("half")} degraded, ${tally("hollow") + tally("none")} silent`
            : ""
        }
      />
      <div class="filterbar nf of">
        <label class="field nq">
          <Icon name="search" />
          <input
            type="search"
            class="bare"
            placeholder="Name, key or region"
            aria-label="Name, key or region"
            value={query.get("search") ?? ""}
            onInput={(event) => setQuery({ search: event.currentTarget.value })}
          />
        </label>
        <span class="seg" role="group" aria-label="Status">
          {STATES.map(([key, label]) => (
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
      <main class="main" id="main" tabIndex={-1}>
        {all === null ? <Skeleton lines={10} label="The observers are being read" /> : null}
        {all?.length === 0 ? (
          <Blank icon="observers" title="No observer has published yet">
            An observer is a radio with an uplink. Point its MQTT at this server and it appears with its first
            message.
          </Blank>
        ) : null}
        {all && all.length > 0 && rows.length === 0 ? (
          <Blank
            icon="filter"
            title="No observer matches"
            actions={
              <button type="button" class="btn" onClick={() => setQuery({ search: "", status: "" })}>
                Show all
              </button>
            }
          >
            {count(all.length)} observers are known; search or status leave none of them.
          </Blank>
        ) : null}
        {rows.length > 0 ? (
          <Table
            label="Observers"
            rowClass="or"
            columns={columns}
            rows={rows}
            keyOf={(observer) => observer.id}
            sort={sort.value}
            onSort={(next) => {
              sort.value = next;
            }}
            selected=""
            onOpen={(observer) => go(`#/packets?observer=${encodeURIComponent(observer.id)}`)}
          />
        ) : null}
      </main>
    </>
  );
}

function columnsFor(nowMs: number): Column<Observer>[] {
  return [
    {
      key: "status",
      label: "Status",
      class: "c-st",
      by: (o) => parseTime(o.last_seen),
      cell: (o) => {
        const { mark, word } = healthOf("observer", parseTime(o.last_seen), nowMs);
        return (
          <span class={`st ${mark}`}>
            <i />
            {word}
          </span>
        );
      },
    },
    {
      key: "name",
      label: "Observer",
      class: "who",
      by: (o) => (o.name ?? o.id).toLowerCase(),
      cell: (o) => (
        <>
          <RoleMark role="observer" />
          <span class="clip">
            <Name text={o.name || o.id} />
          </span>
        </>
      ),
    },
    {
      key: "region",
      label: "Region",
      class: "mono",
      by: (o) => o.iata ?? null,
      cell: (o) => o.iata ?? <span class="muted">–</span>,
    },
    {
      key: "hour",
      label: "Per hour",
      class: "num c-hr",
      by: (o) => o.packetsLastHour,
      cell: (o) => (
        <>
          {count(o.packetsLastHour)}
          <span class="u"> per hour</span>
        </>
      ),
    },
    {
      key: "total",
      label: "Packets",
      class: "num c-to",
      by: (o) => o.packet_count,
      cell: (o) => count(o.packet_count),
    },
    {
      key: "client",
      label: "Client",
      class: "c-cl t2",
      by: (o) => o.client_version ?? o.model ?? null,
      cell: (o) => (
        <span title={[o.model, o.firmware, o.client_version].filter(Boolean).join(", ")}>
          {o.client_version ?? o.model ?? <span class="muted">–</span>}
        </span>
      ),
    },
    {
      key: "noise",
      label: "Noise dBm",
      class: "num c-up",
      by: (o) => o.noise_floor ?? null,
      cell: (o) => (o.noise_floor == null ? <span class="muted">–</span> : signed(o.noise_floor, 0)),
    },
    {
      key: "last",
      label: "Last",
      class: "num c-la",
      by: (o) => parseTime(o.last_seen),
      cell: (o) => {
        const last = parseTime(o.last_seen);
        return last === null ? (
          "never"
        ) : (
          <span title={utc(last)}>{span(Math.max(0, nowMs - last) / 1000)}</span>
        );
      },
    },
  ];
}
