import { signal } from "@preact/signals";
import { type LiveMessage, readMessage } from "./events";

/** How the live connection stands. */
export type LiveState =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  | { readonly kind: "waiting"; readonly retryAtMs: number };

/** What a page gets to know of the live stream. */
export interface LiveListener {
  /** The filter expression that the server applies; empty for all. */
  readonly filter: string;
  /** One event, in order, each once. */
  readonly onMessage: (message: LiveMessage) => void;
  /** Events are missing (the cursor was too old): what is shown must be asked for anew. */
  readonly onGap: () => void;
}

/** What the feed needs from the world; a test brings its own. */
export interface LiveWorld {
  readonly open: (url: string) => WebSocket;
  readonly nowMs: () => number;
  readonly setTimer: (run: () => void, ms: number) => number;
  readonly clearTimer: (timer: number) => void;
  /** 0 … 1, for the jitter of the backoff. */
  readonly random: () => number;
}

const BROWSER: LiveWorld = {
  open: (url) => new WebSocket(url),
  nowMs: () => Date.now(),
  setTimer: (run, ms) => window.setTimeout(run, ms),
  clearTimer: (timer) => window.clearTimeout(timer),
  random: () => Math.random(),
};

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
/** After this long without a confirmation the page goes on without it. */
const CONFIRM_MS = 4_000;
const RATE_WINDOW_MS = 10_000;

/**
 * The one live socket of the page: reconnects with backoff, resumes from the last cursor so that nothing is missed or doubled, and
 * carries one filter subscription at a time (that of the page that is shown).
 */
export class LiveFeed {
  readonly state = signal<LiveState>({ kind: "connecting" });
  /** Transmissions per second over the last ten seconds, as subscribed. */
  readonly rate = signal(0);

  private socket: WebSocket | null = null;
  private listener: LiveListener | null = null;
  private cursor = "";
  private retryMs = FIRST_RETRY_MS;
  private timer: number | null = null;
  /** The server has greeted on this socket. */
  private greeted = false;
  /** The filter of the listener is in force. */
  private confirmed = false;
  private waiting: (() => void)[] = [];
  private arrivals: number[] = [];
  private closed = false;

  constructor(
    private readonly url: string,
    private readonly world: LiveWorld = BROWSER,
  ) {}

  /** Opens the socket. */
  start(): void {
    this.closed = false;
    this.connect();
  }

  /** Closes it for good. */
  stop(): void {
    this.closed = true;
    if (this.timer !== null) this.world.clearTimer(this.timer);
    this.timer = null;
    this.socket?.close();
    this.socket = null;
  }

  /** Tries again at once. */
  retryNow(): void {
    if (this.state.value.kind === "waiting") this.connect();
  }

  /**
   * Subscribes; resolves when the server has confirmed the filter (events from before are dropped), or when it cannot be asked
   * now. After that, a list asked for and the events that come belong together.
   */
  subscribe(listener: LiveListener): Promise<void> {
    const same = (this.listener?.filter ?? "") === listener.filter && this.confirmed;
    this.listener = listener;
    if (same) return Promise.resolve();
    this.confirmed = false;
    this.cursor = "";
    if (this.socket && this.greeted) this.sendFilter(this.socket);
    else if (this.state.value.kind === "waiting") return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.world.setTimer(() => {
        this.waiting = this.waiting.filter((waiter) => waiter !== done);
        resolve();
      }, CONFIRM_MS);
      const done = (): void => {
        this.world.clearTimer(timer);
        resolve();
      };
      this.waiting.push(done);
    });
  }

  /** Ends the subscription of a listener, if it is still the one. */
  unsubscribe(listener: LiveListener): void {
    if (this.listener !== listener) return;
    this.listener = null;
    if (listener.filter === "") return;
    this.confirmed = false;
    this.cursor = "";
    if (this.socket && this.greeted) this.sendFilter(this.socket);
  }

  private connect(): void {
    if (this.closed) return;
    if (this.timer !== null) this.world.clearTimer(this.timer);
    this.timer = null;
    this.state.value = { kind: "connecting" };
    this.greeted = false;
    const socket = this.world.open(this.resumeUrl());
    this.socket = socket;
    socket.onmessage = (event) => {
      if (this.socket === socket && typeof event.data === "string") this.receive(socket, event.data);
    };
    socket.onclose = () => {
      if (this.socket === socket) this.lost();
    };
  }

  /** With a cursor the stream goes on behind it; without, it begins now and the filter is told after the greeting. */
  private resumeUrl(): string {
    const url = new URL(this.url);
    url.searchParams.set("v", "2");
    if (this.cursor) {
      url.searchParams.set("since", this.cursor);
      if (this.listener?.filter) url.searchParams.set("filter", this.listener.filter);
    }
    return url.href;
  }

  private sendFilter(socket: WebSocket): void {
    socket.send(JSON.stringify({ type: "subscribe", filter: this.listener?.filter ?? "" }));
  }

  private lost(): void {
    this.socket = null;
    this.greeted = false;
    this.release();
    if (this.closed) return;
    const wait = this.retryMs * (0.75 + 0.5 * this.world.random());
    this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
    this.state.value = { kind: "waiting", retryAtMs: this.world.nowMs() + wait };
    this.timer = this.world.setTimer(() => this.connect(), wait);
  }

  private receive(socket: WebSocket, text: string): void {
    const message = readMessage(text);
    if (message.kind === "hello" || message.kind === "filter") {
      this.agreed(socket, message.kind, message.filter, message.cursor);
    } else if (message.kind === "error") {
      // The expression was refused: the list will say where it is wrong. Whoever waits need not wait longer.
      this.release();
    } else if (this.confirmed && message.kind !== "other") {
      if (message.cursor) this.cursor = message.cursor;
      if (message.kind === "gap") this.listener?.onGap();
      else if (message.kind !== "heartbeat") {
        if (message.kind === "packet") this.count();
        this.listener?.onMessage(message);
      }
    }
  }

  /** The greeting or a confirmation tells which filter is in force. */
  private agreed(socket: WebSocket, kind: "hello" | "filter", filter: string, cursor: string): void {
    const resumed = kind === "hello" && this.cursor !== "";
    if (kind === "hello") {
      this.greeted = true;
      this.retryMs = FIRST_RETRY_MS;
      this.state.value = { kind: "live" };
    }
    if (filter !== (this.listener?.filter ?? "")) {
      if (kind === "hello") this.sendFilter(socket);
      return;
    }
    const missed = !resumed && !this.confirmed && this.waiting.length === 0;
    this.confirmed = true;
    this.cursor = cursor;
    this.release();
    // Confirmed without anyone waiting: the socket came after the list was asked for.
    if (missed) this.listener?.onGap();
  }

  private release(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }

  private count(): void {
    const now = this.world.nowMs();
    this.arrivals.push(now);
    this.tick(now);
  }

  /** Lets the rate fall when nothing comes; called by a slow timer of the shell. */
  tick(now: number = this.world.nowMs()): void {
    const from = now - RATE_WINDOW_MS;
    while (this.arrivals[0] !== undefined && this.arrivals[0] < from) this.arrivals.shift();
    this.rate.value = Math.round((this.arrivals.length * 10_000) / RATE_WINDOW_MS) / 10;
  }
}
