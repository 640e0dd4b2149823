import { useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { Node } from "../../api/types";
import { useApp } from "../../app/context";
import { Header } from "../../app/header";
import { openParam, route, setQuery } from "../../app/router";
import { count, parseTime, span, utc } from "../../lib/format";
import { asPlace } from "../../lib/geo";
import { healthOf } from "../../lib/health";
import { asRole } from "../../lib/packet";
import { Icon } from "../../ui/icon";
import { Name, RoleMark } from "../../ui/marks";
import { Blank, Failed, Skeleton } from "../../ui/states";
import { type Column, type Sort, sorted, Table } from "../../ui/table";
import "../../styles/directory.css";

const TABS = [
  ["", "All"],
  ["repeater", "Repeaters"],
  ["room", "Rooms"],
  ["companion", "Companions"],
  ["sensor", "Sensors"],
] as const;

/** The directory of nodes. `inspector` is what the shell shows beside it. */
export function NodesPage({ inspector }: { inspector: ComponentChildren }) {
  const app = useApp();
  const { query } = route.value;
  const sort = useSignal<Sort>({ key: "last", down: true });
  const minute = useComputed(() => Math.floor(app.nowMs.value / 10_000) * 10_000);
  useEffect(() => {
    void app.directory.read(Date.now());
    const timer = setInterval(() => {
      if (!document.hidden) void app.directory.read(Date.now());
    }, 30_000);
    return () => clearInterval(timer);
  }, [app]);
  const role = query.get("role") ?? "";
  const search = (query.get("search") ?? "").toLowerCase();
  const status = query.get("status") ?? "";
  const noPlace = query.get("place") === "none";
  const all = app.directory.nodes.value;
  const now = minute.value;
  const columns = columnsFor(now);
  const rows = sorted(
    all.filter(
      (node) =>
        (role === "" || node.role === role) &&
        (search === "" ||
          (node.name ?? "").toLowerCase().includes(search) ||
          node.public_key.startsWith(search)) &&
        (!noPlace || asPlace(node.lat, node.lon) === null) &&
        (status === "" || (healthOfNode(node, now).mark === "ok") === (status === "active")),
    ),
    columns,
    sort.value,
  );
  const active = all.filter((node) => healthOfNode(node, now).mark === "ok").length;
  const state = app.directory.state.value;
  return (
    <>
      <Header
        title="Nodes"
        note={all.length > 0 ? `${count(active)} active, ${count(all.length - active)} stale` : ""}
      />
      <div class="filterbar nf">
        <div class="tabs" role="tablist" aria-label="Roles">
          {TABS.map(([key, label]) => (
            <button
              key={key}
              type="button"
              role="tab"
              aria-selected={role === key}
              onClick={() => setQuery({ role: key })}
            >
              {label}
              <span class="n">
                {count(key === "" ? all.length : all.filter((n) => n.role === key).length)}
              </span>
            </button>
          ))}
        </div>
        {noPlace ? (
          <button type="button" class="chip set x" onClick={() => setQuery({ place: "" })}>
            Without a place
            <Icon name="close" />
          </button>
        ) : null}
        <label class="field nq">
          <Icon name="search" />
          <input
            type="search"
            class="bare"
            placeholder="Name or key prefix"
            aria-label="Name or key prefix"
            value={query.get("search") ?? ""}
            onInput={(event) => setQuery({ search: event.currentTarget.value })}
          />
        </label>
        <span class="seg st3" role="group" aria-label="Status">
          {[
            ["", "All"],
            ["active", "Active"],
            ["stale", "Stale"],
          ].map(([key = "", label]) => (
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
        {state.kind === "loading" && all.length === 0 ? (
          <Skeleton lines={14} label="The nodes are being read" />
        ) : null}
        {state.kind === "failed" ? (
          <Failed
            what="The nodes could not be read"
            error={state.error}
            retry={() => void app.directory.read(Date.now())}
          />
        ) : null}
        {state.kind === "ready" && all.length === 0 ? (
          <Blank icon="nodes" title="No node has been heard yet">
            A node appears with its first advert.
          </Blank>
        ) : null}
        {all.length > 0 && rows.length === 0 ? (
          <Blank
            icon="filter"
            title="No node matches"
            actions={
              <button
                type="button"
                class="btn"
                onClick={() => setQuery({ role: "", search: "", status: "", place: "" })}
              >
                Show all
              </button>
            }
          >
            {count(all.length)} nodes are known; role, search or status leave none of them.
          </Blank>
        ) : null}
        {rows.length > 0 ? (
          <Table
            label="Nodes"
            rowClass="nr"
            columns={columns}
            rows={rows}
            keyOf={(node) => node.public_key}
            sort={sort.value}
            onSort={(next) => {
              sort.value = next;
            }}
            selected={route.value.param.toLowerCase()}
            onOpen={(node) => openParam(node.public_key)}
          />
        ) : null}
      </main>
      {inspector}
    </>
  );
}

function healthOfNode(node: Node, nowMs: number) {
  return healthOf(asRole(node.role), parseTime(node.last_seen), nowMs, node.relay_active);
}

function columnsFor(nowMs: number): Column<Node>[] {
  return [
    {
      key: "name",
      label: "Node",
      class: "who",
      by: (node) => (node.name ?? "").toLowerCase(),
      cell: (node) => (
        <>
          <RoleMark role={asRole(node.role)} />
          <span class="clip">
            <Name text={node.name || node.public_key.slice(0, 8)} />
          </span>
        </>
      ),
    },
    {
      key: "status",
      label: "Status",
      class: "c-st",
      cell: (node) => {
        const health = healthOfNode(node, nowMs);
        return (
          <span class={`st ${health.mark}`}>
            <i />
            {health.word}
          </span>
        );
      },
    },
    { key: "key", label: "Key", class: "mono kx", cell: (node) => node.public_key.slice(0, 8) },
    {
      key: "hash",
      label: "Hash",
      class: "num hs",
      by: (node) => node.hash_size ?? null,
      cell: (node) =>
        node.hash_size == null ? (
          <span class="muted">–</span>
        ) : (
          <span class={node.hash_size_inconsistent ? "wn" : ""}>{node.hash_size}</span>
        ),
    },
    {
      key: "adverts",
      label: "Adverts",
      class: "num c-ad",
      by: (node) => node.advert_count,
      cell: (node) => (
        <>
          {count(node.advert_count)}
          <span class="u"> {node.advert_count === 1 ? "advert" : "adverts"}</span>
        </>
      ),
    },
    {
      key: "relays",
      label: "Relays 24 h",
      class: "num c-re",
      by: (node) => node.relay_count_24h ?? null,
      cell: (node) =>
        node.relay_count_24h === undefined ? <span class="muted">–</span> : count(node.relay_count_24h),
    },
    {
      key: "place",
      label: "Place",
      class: "mono c-pl",
      cell: (node) => {
        const place = asPlace(node.lat, node.lon);
        return place ? `${place.lat.toFixed(3)}, ${place.lon.toFixed(3)}` : <span class="muted">–</span>;
      },
    },
    {
      key: "last",
      label: "Last heard",
      class: "num c-la",
      by: (node) => parseTime(node.last_seen),
      cell: (node) => {
        const last = parseTime(node.last_seen);
        return last === null ? (
          "never"
        ) : (
          <span title={utc(last)}>{span(Math.max(0, nowMs - last) / 1000)}</span>
        );
      },
    },
  ];
}
