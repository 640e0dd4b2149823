import { signal } from "@preact/signals";
import type { LiveMessage } from "../../api/events";
import type { PacketPage } from "../../api/types";
import { mergeObservations, type Row, rowOf } from "./row";

/** Rows of one request of the history below the live part. */
export const PAGE_ROWS = 100;
/** Pages of history kept in memory; the least recently shown go first. */
const PAGES_MAX = 80;
/** Above this many live rows the list is asked for anew, so that memory stays bounded. */
export const LIVE_MAX = 5_000;
/** The newest messages a pause keeps. */
export const HELD_MAX = 2_000;

/** A page is asked for at most this often when live traffic moves it while it is read. */
const ASK_TRIES = 3;

/** Asks for a page of history, last heard first: new rows come on top and move the others down. */
export type LoadPage = (offset: number, limit: number) => Promise<PacketPage>;

/** A row that comes live goes at most this far down to its place in time. */
const LATE_ROWS = 30;

function isLater(row: Row | undefined, than: Row): boolean {
  return row !== undefined && row.firstMs !== null && than.firstMs !== null && row.firstMs > than.firstMs;
}

/** How the list stands. */
export type ListState =
  | { readonly kind: "loading" }
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly error: unknown };

/**
 * The packets of one scope and filter: live rows on top, below them the history, of which only the pages that were looked at are
 * in memory. Every hash is in it once.
 */
export class PacketList {
  readonly state = signal<ListState>({ kind: "loading" });
  /** Grows with every change of what `at` answers. */
  readonly revision = signal(0);
  readonly paused = signal(false);
  /** Messages that wait for the end of the pause. */
  readonly held = signal(0);
  /** Set when the list should be asked for anew: too much came, or something was missed. */
  readonly stale = signal(false);
  /** Why a page further down could not be read; null while all is well. */
  readonly trouble = signal<unknown>(null);

  private live: Row[] = [];
  private pages = new Map<number, Row[]>();
  private readonly byHash = new Map<string, Row>();
  private readonly asked = new Set<number>();
  private historyRows = 0;
  private heldMessages: LiveMessage[] = [];
  private early: LiveMessage[] | null = [];

  constructor(private readonly load: LoadPage) {}

  /** Asks for the first page. Messages that came meanwhile are merged after it. */
  async start(): Promise<void> {
    try {
      const page = await this.load(0, PAGE_ROWS);
      this.historyRows = page.total;
      this.keep(0, page);
      const early = this.early ?? [];
      this.early = null;
      this.state.value = { kind: "ready" };
      this.apply(early);
      this.revision.value++;
    } catch (error) {
      this.state.value = { kind: "failed", error };
    }
  }

  /** Rows in all. */
  get length(): number {
    return this.live.length + this.historyRows;
  }

  /** Rows that came live. */
  get liveLength(): number {
    return this.live.length;
  }

  /** The row at a position, or undefined while its page is on the way. */
  at(index: number): Row | undefined {
    const offset = index - this.live.length;
    if (offset < 0) return this.live[index];
    return this.pages.get(Math.floor(offset / PAGE_ROWS))?.[offset % PAGE_ROWS];
  }

  /** Where a hash stands; -1 when it is not in memory. */
  indexOf(hash: string): number {
    const row = this.byHash.get(hash);
    if (!row) return -1;
    const live = this.live.indexOf(row);
    if (live >= 0) return live;
    for (const [number, rows] of this.pages) {
      const at = rows.indexOf(row);
      if (at >= 0) return this.live.length + number * PAGE_ROWS + at;
    }
    return -1;
  }

  /** Sees to it that the rows from `first` to `last` are in memory or on the way. */
  show(first: number, last: number): void {
    const from = Math.max(0, Math.floor((first - this.live.length) / PAGE_ROWS));
    const to = Math.floor((Math.min(last, this.length - 1) - this.live.length) / PAGE_ROWS);
    for (let number = from; number <= to; number++) {
      const rows = this.pages.get(number);
      if (rows) this.touch(number, rows);
      else void this.ask(number);
    }
  }

  /** Takes one live message; during a pause it waits. */
  receive(messages: readonly LiveMessage[]): number {
    if (this.early) {
      this.early.push(...messages);
      return 0;
    }
    if (this.paused.value) {
      this.heldMessages.push(...messages);
      if (this.heldMessages.length > HELD_MAX) {
        this.heldMessages.splice(0, this.heldMessages.length - HELD_MAX);
        this.stale.value = true;
      }
      this.held.value = this.heldMessages.length;
      return 0;
    }
    return this.apply(messages);
  }

  /** Stops the list where it is, or lets what waited in. Returns how many rows came on top. */
  pause(on: boolean): number {
    this.paused.value = on;
    if (on) return 0;
    const held = this.heldMessages;
    this.heldMessages = [];
    this.held.value = 0;
    return this.apply(held);
  }

  private apply(messages: readonly LiveMessage[]): number {
    let added = 0;
    for (const message of messages) {
      if (message.kind === "packet") added += this.addPacket(message.packet);
      else if (message.kind === "observations") {
        const row = this.byHash.get(message.hash);
        if (row) mergeObservations(row, message.observations, message.count);
      }
    }
    if (this.live.length > LIVE_MAX) this.stale.value = true;
    if (messages.length > 0) this.revision.value++;
    return added;
  }

  private addPacket(packet: Parameters<typeof rowOf>[0]): number {
    const known = this.byHash.get(packet.hash);
    const row = rowOf(packet);
    if (known) {
      known.observations = Math.max(known.observations, row.observations);
      return 0;
    }
    this.byHash.set(row.hash, row);
    // Observers report with different delays: a few places down may be the right one.
    let at = 0;
    while (at < LATE_ROWS && isLater(this.live[at], row)) at++;
    this.live.splice(at, 0, row);
    return 1;
  }

  private async ask(number: number): Promise<void> {
    if (this.asked.has(number)) return;
    this.asked.add(number);
    try {
      for (let tries = 0; tries < ASK_TRIES; tries++) {
        const page = await this.load(number * PAGE_ROWS + this.newer(), PAGE_ROWS);
        if (!this.overlaps(number, page) || tries === ASK_TRIES - 1) {
          this.keep(number, page);
          break;
        }
      }
      this.revision.value++;
      this.trouble.value = null;
    } catch (error) {
      this.trouble.value = error;
    } finally {
      this.asked.delete(number);
    }
  }

  /** How many transmissions the server has on top of the history we count from: it moves every page down by that much. */
  private newer(): number {
    return (
      this.live.length +
      this.heldMessages.filter((m) => m.kind === "packet" && !this.byHash.has(m.packet.hash)).length
    );
  }

  /** A page that shows rows we have elsewhere was cut while something new came: it must be asked for again. */
  private overlaps(number: number, page: PacketPage): boolean {
    const own = new Set(this.pages.get(number));
    return page.packets.some((packet) => {
      const row = this.byHash.get(packet.hash);
      return row !== undefined && !own.has(row);
    });
  }

  private keep(number: number, page: PacketPage): void {
    const rows = page.packets.map((packet) => this.byHash.get(packet.hash) ?? rowOf(packet));
    // The server sorts by the last reception, the list shows the first.
    rows.sort((a, b) => (b.firstMs ?? 0) - (a.firstMs ?? 0));
    for (const row of rows) this.byHash.set(row.hash, row);
    this.touch(number, rows);
    for (const [oldest, dropped] of this.pages) {
      if (this.pages.size <= PAGES_MAX) break;
      this.pages.delete(oldest);
      for (const row of dropped) this.byHash.delete(row.hash);
    }
  }

  private touch(number: number, rows: Row[]): void {
    this.pages.delete(number);
    this.pages.set(number, rows);
  }
}
