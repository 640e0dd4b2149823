import { signal } from "@preact/signals";
import type { LiveMessage } from "../../api/events";
import type { FilterWarning, PacketPage } from "../../api/types";
import { mergeObservations, mergeRow, type Row, rowOf } from "./row";

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

/** Where a page begins: behind the page before it, or so many rows down. */
export type From = { readonly cursor: string } | { readonly offset: number };

/**
 * Asks for a page of history, last heard first: new rows come on top and move the others down. Behind a cursor nothing moves, so a page
 * that follows one that was read is asked for by its cursor; only a jump into the middle goes by offset.
 */
export type LoadPage = (from: From, limit: number) => Promise<PacketPage>;

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
  /** What the server finds odd in the filter expression. */
  readonly warnings = signal<readonly FilterWarning[]>([]);

  private live: Row[] = [];
  private pages = new Map<number, Row[]>();
  /** Where each of these pages begins, as the page before it told. */
  private readonly cursors = new Map<number, string>();
  /** Pages that were read from their cursor; what was read by offset may not join the page before it. */
  private readonly joined = new Set<number>();
  private readonly byHash = new Map<string, Row>();
  private readonly asked = new Set<number>();
  private historyRows = 0;
  private heldMessages: LiveMessage[] = [];
  private early: LiveMessage[] | null = [];

  constructor(private readonly load: LoadPage) {}

  /** Asks for the first page. Messages that came meanwhile are merged after it. */
  async start(): Promise<void> {
    try {
      const page = await this.load({ offset: 0 }, PAGE_ROWS);
      this.historyRows = page.total;
      this.warnings.value = page.warnings ?? [];
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

  /**
   * Takes what came between the first page and the live feed: a first page as it is now. Rows that are new go on top; when all of
   * them are, some between may be missing, and the list should be asked for anew.
   */
  catchUp(page: PacketPage): void {
    const known = page.packets.filter((packet) => this.byHash.has(packet.hash)).length;
    if (known === 0 && page.packets.length === PAGE_ROWS) this.stale.value = true;
    for (const packet of [...page.packets].reverse()) this.addPacket(packet);
    this.revision.value++;
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
      mergeRow(known, row);
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
      for (let tries = 1; ; tries++) {
        const cursor = this.cursors.get(number);
        const from = cursor === undefined ? { offset: number * PAGE_ROWS + this.newer() } : { cursor };
        const page = await this.load(from, PAGE_ROWS);
        const moved =
          cursor !== this.cursors.get(number) || (cursor === undefined && this.overlaps(number, page));
        if (moved && tries < ASK_TRIES) continue;
        if (cursor === undefined) this.joined.delete(number);
        else this.joined.add(number);
        this.keep(number, page);
        break;
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
    this.continueAt(number + 1, page);
    for (const row of rows) this.byHash.set(row.hash, row);
    this.touch(number, rows);
    for (const [oldest, dropped] of this.pages) {
      if (this.pages.size <= PAGES_MAX) break;
      this.drop(oldest, dropped);
    }
  }

  /** Remembers where the page after this one begins. What was read from elsewhere would repeat rows or miss some: it goes. */
  private continueAt(number: number, before: PacketPage): void {
    const cursor = before.nextCursor;
    // Rows that were heard again went on top meanwhile: the end comes sooner than it was thought to.
    if (!cursor)
      this.historyRows = Math.min(this.historyRows, (number - 1) * PAGE_ROWS + before.packets.length);
    const joins = this.joined.has(number) && this.cursors.get(number) === cursor;
    if (cursor) this.cursors.set(number, cursor);
    else this.cursors.delete(number);
    if (joins) return;
    for (const [later, rows] of this.pages) if (later >= number) this.drop(later, rows);
    for (const later of this.cursors.keys()) if (later > number) this.cursors.delete(later);
  }

  private drop(number: number, rows: readonly Row[]): void {
    this.pages.delete(number);
    this.joined.delete(number);
    for (const row of rows) this.byHash.delete(row.hash);
  }

  private touch(number: number, rows: Row[]): void {
    this.pages.delete(number);
    this.pages.set(number, rows);
  }
}
