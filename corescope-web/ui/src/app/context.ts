import { signal } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { getJson } from "../api/client";
import type { LiveFeed } from "../api/live";
import type { Reading } from "./directory-view";
import { Directory } from "./nodes";
import type { Observer, Stats } from "../api/types";
import { type Thresholds, USUAL } from "../lib/health";

/** What every page may use: the live socket, the server's clock, and the few lists that the shell asks for anyway. */
export class AppState {
  /** How far the server's clock is ahead of ours, ms. A server that shows an old moment is far behind. */
  readonly clockOffsetMs = signal(0);
  /** The time that relative times are told from; moves every second while the page is seen. */
  readonly nowMs = signal(Date.now());
  readonly observers = signal<readonly Observer[] | null>(null);
  /** Whether they could be read. */
  readonly observersState = signal<Reading>({ kind: "loading" });
  readonly stats = signal<Stats | null>(null);
  /** When something counts as degraded or silent. */
  readonly thresholds = signal<Thresholds>(USUAL);

  /** All nodes. */
  readonly directory = new Directory();

  constructor(readonly live: LiveFeed) {}

  /** The server's clock now. */
  serverNowMs(): number {
    return Date.now() + this.clockOffsetMs.value;
  }

  /** Reads the observers, and from their answer the server's clock. */
  async readObservers(): Promise<void> {
    try {
      const page = await getJson("/api/observers");
      const server = Date.parse(page.server_time);
      // Whole seconds on the wire: a difference below two is none.
      if (Number.isFinite(server) && Math.abs(server - Date.now()) > 2_000)
        this.clockOffsetMs.value = server - Date.now();
      this.observers.value = page.observers;
      this.observersState.value = { kind: "ready" };
    } catch (error) {
      this.observersState.value = { kind: "failed", error };
    }
  }

  /** Reads what the operator set for the page. */
  async readSettings(): Promise<void> {
    try {
      this.thresholds.value = (await getJson("/api/config/client")).healthThresholds;
    } catch {
      // The usual ones hold.
    }
  }

  /** Reads the counters of the header. */
  async readStats(): Promise<void> {
    try {
      this.stats.value = await getJson("/api/stats");
    } catch {
      // The counters are left out until an answer comes.
    }
  }
}

const Context = createContext<AppState | null>(null);

/** Hands the state to the pages below. */
export const AppProvider = Context.Provider;

/** The state of the page. */
export function useApp(): AppState {
  const app = useContext(Context);
  if (!app) throw new Error("useApp is called outside AppProvider");
  return app;
}
