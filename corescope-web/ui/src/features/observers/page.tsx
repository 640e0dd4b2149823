import { useComputed } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Observer } from "../../api/types";
import { useApp } from "../../app/context";
import { DirectoryBar, DirectoryTable, lastColumn } from "../../app/directory-view";
import { Header } from "../../app/header";
import { go, route, setQuery } from "../../app/router";
import { count, parseTime, signed } from "../../lib/format";
import { type Health, healthOf } from "../../lib/health";
import { Name, RoleMark, Status } from "../../ui/marks";
import type { Column } from "../../ui/table";

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
  const tick = useComputed(() => Math.floor(app.nowMs.value / 10_000) * 10_000);
  useEffect(() => {
    void app.readObservers();
  }, [app]);
  const all = app.observers.value;
  const now = tick.value;
  const search = (query.get("search") ?? "").toLowerCase();
  const status = query.get("status") ?? "";
  const health = (observer: Observer): Health =>
    healthOf("observer", parseTime(observer.last_seen), now, app.thresholds.value);
  const columns = columnsFor(now, health);
  const rows = (all ?? []).filter(
    (observer) =>
      (search === "" ||
        `${observer.name ?? ""} ${observer.id} ${observer.iata ?? ""}`.toLowerCase().includes(search)) &&
      (status === "" || health(observer).mark === status),
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
      <DirectoryBar class="of" search="Name, key or region" states={STATES} />
      <DirectoryTable
        what="observer"
        icon="observers"
        rowClass="or"
        state={all === null ? app.observersState.value : { kind: "ready" }}
        retry={() => void app.readObservers()}
        total={all?.length ?? 0}
        rows={rows}
        columns={columns}
        keyOf={(observer) => observer.id}
        sort={{ key: "hour", down: true }}
        limits="search or status"
        showAll={() => setQuery({ search: "", status: "" })}
        none="An observer is a radio with an uplink. Point its MQTT at this server and it appears with its first message."
        selected=""
        onOpen={(observer) => go(`#/packets?observer=${encodeURIComponent(observer.id)}`)}
      />
    </>
  );
}

function columnsFor(nowMs: number, health: (observer: Observer) => Health): Column<Observer>[] {
  return [
    {
      key: "status",
      label: "Status",
      class: "c-st",
      by: (o) => parseTime(o.last_seen),
      cell: (o) => <Status health={health(o)} />,
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
    lastColumn("Last", nowMs),
  ];
}
