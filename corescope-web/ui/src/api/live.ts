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
    const same = this.listener?.filter === listener.filter && this.confirmed;
    this.listener = listener;
    if (same) return Promise.resolve();
    this.confirmed = false;
    this.cursor = "";
    if (this.socket?.readyState === WebSocket.OPEN) this.sendFilter(this.socket);
    else if (this.state.value.kind === "waiting") return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.world.setTimer(resolve, CONFIRM_MS);
      this.waiting.push(() => {
        this.world.clearTimer(timer);
        resolve();
      });
    });
  }

  /** Ends the subscription of a listener, if it is still the one. */
  unsubscribe(listener: LiveListener): void {
    if (this.listener === listener) this.listener = null;
  }

  private connect(): void {
    if (this.closed) return;
    if (this.timer !== null) this.world.clearTimer(this.timer);
    this.timer = null;
    this.state.value = { kind: "connecting" };
    const socket = this.world.open(this.resumeUrl());
    this.socket = socket;
    socket.onopen = () => this.opened(socket);
    socket.onmessage = (event) => {
      if (this.socket === socket && typeof event.data === "string") this.receive(event.data);
    };
    socket.onclose = () => {
      if (this.socket === socket) this.lost();
    };
  }

  private resumeUrl(): string {
    const url = new URL(this.url);
    url.searchParams.set("v", "2");
    if (this.cursor) url.searchParams.set("since", this.cursor);
    if (this.listener?.filter) url.searchParams.set("filter", this.listener.filter);
    return url.href;
  }

  private opened(socket: WebSocket): void {
    this.retryMs = FIRST_RETRY_MS;
    this.state.value = { kind: "live" };
    if (!this.cursor) {
      this.confirmed = false;
      this.sendFilter(socket);
    } else {
      this.confirmed = true;
    }
  }

  private sendFilter(socket: WebSocket): void {
    socket.send(JSON.stringify({ type: "filter", filter: this.listener?.filter ?? "" }));
  }

  private lost(): void {
    this.socket = null;
    this.release();
    if (this.closed) return;
    const wait = this.retryMs * (0.75 + 0.5 * this.world.random());
    this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
    this.state.value = { kind: "waiting", retryAtMs: this.world.nowMs() + wait };
    this.timer = this.world.setTimer(() => this.connect(), wait);
  }

  private receive(text: string): void {
    const message = readMessage(text);
    if (message.kind === "filter") {
      if (message.filter !== (this.listener?.filter ?? "")) return;
      const missed = !this.confirmed && this.waiting.length === 0;
      this.confirmed = true;
      if (message.cursor) this.cursor = message.cursor;
      this.release();
      // Confirmed without anyone waiting: the socket came (back) after the list was asked for.
      if (missed) this.listener?.onGap();
      return;
    }
    if (!this.confirmed) return;
    if (message.kind === "gap") {
      if (message.cursor) this.cursor = message.cursor;
      this.listener?.onGap();
      return;
    }
    if (message.kind === "other") return;
    if (message.cursor) this.cursor = message.cursor;
    if (message.kind === "packet") this.count();
    this.listener?.onMessage(message);
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
    this.rate.value = Math.round(this.arrivals.length / (RATE_WINDOW_MS / 100)) / 10;
  }
}
