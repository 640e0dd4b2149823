import { signal } from "@preact/signals";
import { ApiError, getJson, type Query } from "../../api/client";
import type { LiveMessage } from "../../api/events";
import type { LiveFeed, LiveListener } from "../../api/live";
import { type ListState, PacketList, PAGE_ROWS } from "./list";
import { ALL_TIME, listQuery, type Scope, subscription } from "./scope";

/** What is wrong with the filter expression. */
export interface FilterProblem {
  readonly message: string;
  readonly hint: string;
  /** From 1. */
  readonly column: number;
}

/** Live messages are let into the list in batches of this long. */
const BATCH_MS = 150;

/**
 * One scope with its list and its live subscription. The list is asked for and shown without waiting for the socket; when the
 * subscription is confirmed later than that, the first page is asked for once more, so that nothing falls between the two.
 */
export class PacketSession {
  readonly list = signal<PacketList | null>(null);
  readonly problem = signal<FilterProblem | null>(null);
  /** Transmissions of the scope without the filter expression; null when there is none or it is not known. */
  readonly unfiltered = signal<number | null>(null);
  /** Set when the default window was empty and everything is shown instead. */
  readonly widened = signal(false);
  /** Rows that came on top since the reader left it. */
  readonly onTop = signal(0);

  private listener: LiveListener | null = null;
  private queue: LiveMessage[] = [];
  private timer: number | null = null;
  private run = 0;

  constructor(
    private readonly live: LiveFeed,
    private readonly nowMs: () => number,
  ) {}

  /** Shows a scope. `explicit` says that the visitor chose the window. */
  async open(scope: Scope, explicit: boolean): Promise<void> {
    const run = ++this.run;
    this.problem.value = null;
    this.queue = [];
    const filter = scope.filter;
    if (await this.attempt(run, scope, filter, explicit)) return;
    if (run === this.run) await this.attempt(run, scope, "", explicit);
  }

  /** Ends the subscription. */
  close(): void {
    this.run++;
    if (this.listener) this.live.unsubscribe(this.listener);
    if (this.timer !== null) clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.wake);
  }

  /** One try with a filter; false when the server refuses the expression. */
  private async attempt(run: number, scope: Scope, filter: string, explicit: boolean): Promise<boolean> {
    let current = scope;
    const listener: LiveListener = {
      filter: subscription(scope, filter),
      onMessage: (message) => this.enqueue(message),
      onGap: () => void this.open(scope, explicit),
    };
    this.listener = listener;
    let listening = false;
    const subscribed = this.live.subscribe(listener).then(() => {
      listening = true;
    });
    // What is agreed already resolves now.
    await Promise.resolve();
    let query = listQuery(current, filter, this.nowMs());
    let asked = { listening };
    let list = await this.begin(query);
    if (run !== this.run) return true;
    const problem = problemOf(list.state.value);
    if (problem) {
      this.problem.value = problem;
      return false;
    }
    this.widened.value = false;
    if (!explicit && list.state.value.kind === "ready" && list.length === 0) {
      current = { ...scope, window: ALL_TIME };
      query = listQuery(current, filter, this.nowMs());
      asked = { listening };
      list = await this.begin(query);
      if (run !== this.run) return true;
      this.widened.value = list.length > 0;
    }
    this.onTop.value = 0;
    this.list.value = list;
    if (filter) void this.countAll(run, current);
    else if (!this.problem.value) this.unfiltered.value = null;
    if (!asked.listening) void subscribed.then(() => this.catchUp(run, list, query));
    return true;
  }

  /** Asks for a list; what comes live meanwhile goes to it. */
  private async begin(query: Query): Promise<PacketList> {
    const list = new PacketList((from, limit) => getJson("/api/packets", { ...query, limit, ...from }));
    this.target = list;
    await list.start();
    return list;
  }

  /** Reads what came after the list was asked for and before the live feed began. */
  private async catchUp(run: number, list: PacketList, query: Query): Promise<void> {
    if (run !== this.run || list.state.value.kind !== "ready") return;
    try {
      const page = await getJson("/api/packets", { ...query, limit: PAGE_ROWS, offset: 0 });
      if (run === this.run) list.catchUp(page);
    } catch {
      // What is shown may miss a moment: it says so by being asked for anew.
      list.stale.value = true;
    }
  }

  private target: PacketList | null = null;

  private async countAll(run: number, scope: Scope): Promise<void> {
    try {
      const page = await getJson("/api/packets", {
        ...listQuery(scope, "", this.nowMs()),
        limit: 1,
      });
      if (run === this.run) this.unfiltered.value = page.total;
    } catch {
      if (run === this.run) this.unfiltered.value = null;
    }
  }

  private enqueue(message: LiveMessage): void {
    this.queue.push(message);
    if (this.timer !== null) return;
    if (document.hidden) {
      document.addEventListener("visibilitychange", this.wake, { once: true });
      return;
    }
    this.timer = window.setTimeout(() => this.flush(), BATCH_MS);
  }

  private readonly wake = (): void => this.flush();

  private flush(): void {
    this.timer = null;
    const messages = this.queue;
    this.queue = [];
    const added = this.target?.receive(messages) ?? 0;
    if (added > 0) this.onTop.value += added;
  }
}

function problemOf(state: ListState): FilterProblem | null {
  if (state.kind !== "failed" || !(state.error instanceof ApiError)) return null;
  const { status, code, column, message, hint } = state.error;
  return status === 400 && code === "filter" ? { message, hint, column: column ?? 1 } : null;
}
