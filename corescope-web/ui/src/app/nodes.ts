import { computed, signal } from "@preact/signals";
import { getJson } from "../api/client";
import type { Node } from "../api/types";
import { HopIndex } from "../lib/hops";

/** Nodes of one request; the API allows up to 2000. */
const PAGE = 500;
/** A bound on the pages that are asked for: 50 000 nodes. */
const PAGES_MAX = 100;
/** How old the directory may get while a page shows it. */
const FRESH_MS = 60_000;

/** How the directory stands. */
export type DirectoryState =
  | { readonly kind: "loading" }
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly error: unknown };

/** All nodes, read once and kept fresh: names of hops, the map and the list of nodes share it. */
export class Directory {
  readonly nodes = signal<readonly Node[]>([]);
  readonly state = signal<DirectoryState>({ kind: "loading" });
  /** Names of hops by the prefixes in paths. */
  readonly hops = computed(() => new HopIndex(this.nodes.value));

  private readMs = 0;
  private running: Promise<void> | null = null;

  /** Reads the directory if it was not read or has grown old. */
  ensure(nowMs: number): Promise<void> {
    if (this.running) return this.running;
    if (this.readMs > 0 && nowMs - this.readMs < FRESH_MS) return Promise.resolve();
    return this.read(nowMs);
  }

  /** Reads the directory now. */
  read(nowMs: number): Promise<void> {
    this.running ??= this.fetchAll(nowMs).finally(() => {
      this.running = null;
    });
    return this.running;
  }

  private async fetchAll(nowMs: number): Promise<void> {
    try {
      const all: Node[] = [];
      for (let page = 0; page < PAGES_MAX; page++) {
        const answer = await getJson("/api/nodes", {
          limit: PAGE,
          offset: page * PAGE,
          sortBy: "lastSeen",
        });
        all.push(...answer.nodes);
        if (answer.nodes.length === 0 || all.length >= answer.total) break;
      }
      this.readMs = nowMs;
      this.nodes.value = all;
      this.state.value = { kind: "ready" };
    } catch (error) {
      if (this.nodes.value.length === 0) this.state.value = { kind: "failed", error };
    }
  }
}
