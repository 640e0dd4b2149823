import { useApp } from "./context";
import { openPalette } from "./palette-state";
import { shownTheme, toggleTheme } from "./theme";
import type { Observer } from "../api/types";
import { count, parseTime, span } from "../lib/format";
import { healthOf } from "../lib/health";
import { Icon } from "../ui/icon";

/** The line on top: where one is, the counters, the state of the connection, search, light or dark. */
export function Header({ title, note = "" }: { title: string; note?: string }) {
  const app = useApp();
  const stats = app.stats.value;
  const observers = app.observers.value;
  const now = app.nowMs.value;
  const health = (o: Observer) => healthOf("observer", parseTime(o.last_seen), now, app.thresholds.value);
  const online = observers?.filter((o) => health(o).mark === "ok").length ?? 0;
  return (
    <header class="header">
      <h1 tabIndex={-1}>{title}</h1>
      {note ? <span class="muted nowrap pn">{note}</span> : null}
      <div class="right">
        <div class="counters">
          {stats ? (
            <>
              <span>
                <b>{count(stats.packetsLast24h)}</b>observations in 24 h
              </span>
              <span>
                <b>{count(stats.totalNodes)}</b>nodes
              </span>
            </>
          ) : null}
          {observers ? (
            <span>
              <b>{count(online)}</b>of {count(observers.length)} observers
            </span>
          ) : null}
        </div>
        <LiveStatus />
        <button
          type="button"
          class="searchbox"
          aria-label="Node, hash, key, command: search"
          onClick={openPalette}
        >
          <Icon name="search" />
          <span>Node, hash, key, command</span>
          <span class="kbd" data-keys="Ctrl K" />
        </button>
        <button
          type="button"
          class="btn quiet icon opt"
          aria-label={shownTheme.value === "dark" ? "Light theme" : "Dark theme"}
          onClick={toggleTheme}
        >
          <Icon name={shownTheme.value === "dark" ? "sun" : "moon"} large />
        </button>
      </div>
    </header>
  );
}

function LiveStatus() {
  const app = useApp();
  const state = app.live.state.value;
  if (state.kind === "live") {
    return (
      <span class="live st ok" role="status">
        <i />
        <span>Live</span>
        <span class="long muted">{app.live.rate.value.toFixed(1)} / s</span>
      </span>
    );
  }
  if (state.kind === "connecting") {
    return (
      <span class="live st half" role="status">
        <i />
        <span>Connecting</span>
      </span>
    );
  }
  const seconds = Math.max(0, Math.ceil((state.retryAtMs - app.nowMs.value) / 1000));
  return (
    <span class="live st hollow" role="status">
      <i />
      <button type="button" class="btn quiet small" onClick={() => app.live.retryNow()} title="Try now">
        Offline<span class="long muted"> again in {span(seconds)}</span>
      </button>
    </span>
  );
}
