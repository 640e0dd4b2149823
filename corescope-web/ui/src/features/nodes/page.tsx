import { useComputed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { Node } from "../../api/types";
import { useApp } from "../../app/context";
import { DirectoryBar, DirectoryTable, lastColumn } from "../../app/directory-view";
import { Header } from "../../app/header";
import { openParam, route, setQuery } from "../../app/router";
import { count, parseTime } from "../../lib/format";
import { asPlace } from "../../lib/geo";
import { type Health, healthOf } from "../../lib/health";
import { asRole } from "../../lib/packet";
import { Icon } from "../../ui/icon";
import { Name, RoleMark, Status } from "../../ui/marks";
import type { Column } from "../../ui/table";

const TABS = [
  ["", "All"],
  ["repeater", "Repeaters"],
  ["room", "Rooms"],
  ["companion", "Companions"],
  ["sensor", "Sensors"],
] as const;

const STATES = [
  ["", "All"],
  ["active", "Active"],
  ["stale", "Stale"],
] as const;

/** The directory of nodes. `inspector` is what the shell shows beside it. */
export function NodesPage({ inspector }: { inspector: ComponentChildren }) {
  const app = useApp();
  const { query } = route.value;
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
  const health = (node: Node): Health =>
    healthOf(asRole(node.role), parseTime(node.last_seen), now, app.thresholds.value, node.relay_active);
  const columns = columnsFor(now, health);
  const rows = all.filter(
    (node) =>
      (role === "" || node.role === role) &&
      (search === "" ||
        (node.name ?? "").toLowerCase().includes(search) ||
        node.public_key.startsWith(search)) &&
      (!noPlace || asPlace(node.lat, node.lon) === null) &&
      (status === "" || (health(node).mark === "ok") === (status === "active")),
  );
  const active = all.filter((node) => health(node).mark === "ok").length;
  return (
    <>
      <Header
        title="Nodes"
        note={all.length > 0 ? `${count(active)} active, ${count(all.length - active)} stale` : ""}
      />
      <DirectoryBar class="by-role" search="Name or key prefix" states={STATES}>
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
      </DirectoryBar>
      <DirectoryTable
        what="node"
        icon="nodes"
        rowClass="nr"
        state={app.directory.state.value}
        retry={() => void app.directory.read(Date.now())}
        total={all.length}
        rows={rows}
        columns={columns}
        keyOf={(node) => node.public_key}
        sort={{ key: "last", down: true }}
        limits="role, search or status"
        showAll={() => setQuery({ role: "", search: "", status: "", place: "" })}
        none="A node appears with its first advert."
        selected={route.value.param.toLowerCase()}
        onOpen={(node) => openParam(node.public_key)}
      />
      {inspector}
    </>
  );
}

function columnsFor(nowMs: number, health: (node: Node) => Health): Column<Node>[] {
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
      cell: (node) => <Status health={health(node)} />,
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
    lastColumn("Last heard", nowMs),
  ];
}
