import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { useApp } from "../../app/context";
import { openParam, route, setQuery } from "../../app/router";
import { count } from "../../lib/format";
import { Header } from "../../app/header";
import { Icon } from "../../ui/icon";
import { Menu } from "../../ui/menu";
import { Blank, Failed, Skeleton } from "../../ui/states";
import { FilterBox } from "./filter-box";
import { Grid } from "./grid";
import { SAVED_FILTERS, saved, toggleSaved } from "./saved";
import { type Scope, scopeOf, TIME_WINDOWS } from "./scope";
import { PacketSession } from "./session";
import "./packets.css";

/** The live list of packets. `inspector` is what the shell shows beside it. */
export function PacketsPage({ inspector }: { inspector: ComponentChildren }) {
  const app = useApp();
  const session = useMemo(() => new PacketSession(app.live, () => app.serverNowMs()), [app]);
  const again = useSignal(0);
  const query = route.value.query;
  const scope = scopeOf(query);
  const explicit = query.has("timeWindow");
  const key = JSON.stringify([scope, explicit, again.value, app.clockOffsetMs.value]);
  // Before the first paint: the request need not wait for it.
  useLayoutEffect(() => {
    void session.open(scope, explicit);
  }, [key, session]);
  useEffect(() => () => session.close(), [session]);
  const list = session.list.value;
  const stale = list?.stale.value ?? false;
  const paused = list?.paused.value ?? false;
  const away = useRef(false);
  useEffect(() => {
    // Too much came for one list: begin anew, unless the reader is in the middle of it.
    if (stale && !paused && !away.current) again.value++;
  }, [stale, paused, session.onTop.value]);
  const shown = list?.revision.value !== undefined ? (list?.length ?? 0) : 0;
  const problem = session.problem.value;
  const note =
    problem || !scope.filter || session.unfiltered.value === null
      ? ""
      : `${count(shown)} of ${count(session.unfiltered.value)}`;
  const reload = (): void => {
    again.value++;
  };
  const selected = route.value.param.toLowerCase();
  return (
    <>
      <Header title="Packets" note={list ? `${count(shown)} transmissions` : ""} />
      <ScopeBar scope={scope} widened={session.widened.value} />
      <div class="filterbar">
        <FilterBox
          value={query.get("filter") ?? ""}
          problem={problem}
          warnings={list?.warnings.value ?? []}
          note={note}
          onChange={(filter) => setQuery({ filter })}
        />
        <SavedMenu current={scope.filter} />
        <button
          type="button"
          class="btn"
          aria-pressed={paused}
          aria-label={paused ? `Resume, ${list?.held.value ?? 0} waiting` : "Pause"}
          disabled={!list}
          onClick={() => {
            const added = list?.pause(!paused) ?? 0;
            if (added > 0 && away.current) session.onTop.value += added;
          }}
        >
          <Icon name={paused ? "play" : "pause"} />
          <span class="opt3">
            {paused ? `Resume${list?.held.value ? ` · ${count(list.held.value)}` : ""}` : "Pause"}
          </span>
        </button>
      </div>
      <main class="main" id="main" tabIndex={-1}>
        <Body session={session} scope={scope} reload={reload} selected={selected} away={away} />
      </main>
      {inspector}
    </>
  );
}

function Body({
  session,
  scope,
  reload,
  selected,
  away,
}: {
  session: PacketSession;
  scope: Scope;
  reload: () => void;
  selected: string;
  away: { current: boolean };
}) {
  const list = session.list.value;
  if (!list) return <Skeleton lines={14} label="Packets are being read" />;
  const state = list.state.value;
  if (state.kind === "failed")
    return <Failed what="The packets could not be read" error={state.error} retry={reload} />;
  if (state.kind === "ready" && list.revision.value >= 0 && list.length === 0)
    return <Nothing scope={scope} />;
  return (
    <Grid
      list={list}
      selected={selected}
      onTop={session.onTop}
      away={away}
      onOpen={(row) => openParam(row.hash, { obs: "" })}
    />
  );
}

function Nothing({ scope }: { scope: Scope }) {
  const limits = [
    scope.filter ? "the filter" : "",
    scope.regions.length > 0 ? `region ${scope.regions.join(", ")}` : "",
    scope.window.seconds !== null ? scope.window.label.toLowerCase() : "",
    scope.node ? "one node" : "",
    scope.observer ? "one observer" : "",
    scope.channel ? "one channel" : "",
  ].filter((text) => text !== "");
  if (limits.length === 0) {
    return (
      <Blank icon="packets" title="No packet has been heard yet">
        As soon as an observer publishes one, it appears here by itself.
      </Blank>
    );
  }
  return (
    <Blank
      icon="filter"
      title="Nothing matches"
      actions={
        <button
          type="button"
          class="btn"
          onClick={() =>
            setQuery({ filter: "", region: "", node: "", observer: "", channel: "", timeWindow: "0" })
          }
        >
          Show everything
        </button>
      }
    >
      The list is limited by {limits.join(", ")}. New packets that match appear by themselves.
    </Blank>
  );
}

function ScopeBar({ scope, widened }: { scope: Scope; widened: boolean }) {
  const { observers } = useApp();
  const codes = [
    ...new Set((observers.value ?? []).map((o) => o.iata?.toUpperCase() ?? "").filter((code) => code !== "")),
  ].sort();
  const toggle = (code: string): void => {
    const next = scope.regions.includes(code)
      ? scope.regions.filter((c) => c !== code)
      : [...scope.regions, code];
    setQuery({ region: next.length === codes.length ? "" : next.join(",") });
  };
  const one = (["node", "observer", "channel"] as const).filter((name) => scope[name] !== "");
  return (
    <section class="scope" aria-label="Scope">
      <span class="lead">Scope</span>
      <Menu
        class={`chip${scope.window.seconds === null || widened ? "" : " set"}`}
        label="Time window"
        button={
          <>
            <Icon name="clock" />
            {widened ? "All time" : scope.window.label}
          </>
        }
        items={TIME_WINDOWS.map((w) => ({
          key: w.key,
          label: w.label,
          chosen: widened ? w.seconds === null : w.key === scope.window.key,
        }))}
        onPick={(timeWindow) => setQuery({ timeWindow })}
      />
      {codes.length >= 2 ? (
        <Menu
          class={`chip${scope.regions.length > 0 ? " set" : ""}`}
          label="Regions"
          multiple
          button={
            <>
              <Icon name="region" />
              {scope.regions.length > 0 ? scope.regions.join(", ") : "All regions"}
            </>
          }
          items={codes.map((code) => ({ key: code, label: code, chosen: scope.regions.includes(code) }))}
          onPick={toggle}
        />
      ) : null}
      {one.map((name) => (
        <button
          key={name}
          type="button"
          class="chip set x"
          onClick={() => setQuery({ [name]: "" })}
          aria-label={`Remove ${name} ${scope[name]}`}
        >
          <span class="k">{name}</span>
          <span class="mono">{scope[name].length > 12 ? `${scope[name].slice(0, 8)}…` : scope[name]}</span>
          <Icon name="close" />
        </button>
      ))}
      <span class="end">{widened ? "Nothing in the last 15 min, so everything is shown" : ""}</span>
    </section>
  );
}

/** Key of the entry that keeps or forgets the filter in force. */
const KEEP = "keep";

function SavedMenu({ current }: { current: string }) {
  const own = saved.value;
  const kept = own.some((filter) => filter.expression === current);
  const builtIn = SAVED_FILTERS.some((filter) => filter.expression === current);
  const items = [
    ...SAVED_FILTERS.map((f) => ({
      key: `=${f.expression}`,
      label: f.name,
      chosen: f.expression === current,
    })),
    ...own.map((f) => ({
      key: `=${f.expression}`,
      label: f.name,
      note: "yours",
      chosen: f.expression === current,
    })),
    ...(current && !builtIn ? [{ key: KEEP, label: kept ? "Forget this filter" : "Keep this filter" }] : []),
  ];
  const pick = (key: string): void => {
    const expression = key.slice(1);
    if (key === KEEP) toggleSaved(current);
    else setQuery({ filter: expression === current ? "" : expression });
  };
  return (
    <Menu
      class="btn opt2"
      label="Filters"
      button={
        <>
          Saved
          <Icon name="chevron-down" />
        </>
      }
      items={items}
      onPick={pick}
    />
  );
}
