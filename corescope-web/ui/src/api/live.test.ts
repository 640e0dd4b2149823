import { beforeEach, describe, expect, it } from "vitest";
import type { LiveMessage } from "./events";
import { LiveFeed, type LiveListener, type LiveWorld } from "./live";

class FakeSocket {
  readyState = 1;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly sent: string[] = [];
  constructor(readonly url: string) {}
  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.onclose?.();
  }
  say(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  hello(filter = "", cursor = "c0"): void {
    this.say({ type: "hello", cursor, data: { version: 2, filter } });
  }
  confirm(filter: string, cursor: string): void {
    this.say({ type: "filter", cursor, data: { filter, warnings: [] } });
  }
  packet(hash: string, cursor: string): void {
    this.say({ type: "transmission", cursor, data: { hash } });
  }
}

let sockets: FakeSocket[];
let timers: { run: () => void; ms: number; id: number }[];
let feed: LiveFeed;

beforeEach(() => {
  sockets = [];
  timers = [];
  let id = 0;
  const world: LiveWorld = {
    open: (url) => {
      const socket = new FakeSocket(url);
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
    nowMs: () => 0,
    setTimer: (run, ms) => {
      timers.push({ run, ms, id: ++id });
      return id;
    },
    clearTimer: (timer) => {
      timers = timers.filter((t) => t.id !== timer);
    },
    random: () => 0.5,
  };
  feed = new LiveFeed("ws://host/ws", world);
  feed.start();
});

const last = (): FakeSocket => {
  const socket = sockets.at(-1);
  if (!socket) throw new Error("no socket was opened");
  return socket;
};

function listener(filter: string): LiveListener & { readonly got: string[]; gaps: number } {
  const got: string[] = [];
  const own = {
    filter,
    got,
    gaps: 0,
    onMessage: (message: LiveMessage) => {
      got.push(message.kind === "packet" ? message.packet.hash : message.kind);
    },
    onGap: () => {
      own.gaps++;
    },
  };
  return own;
}

async function settled(promise: Promise<void>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  await Promise.resolve();
  await Promise.resolve();
  return done;
}

describe("subscribing", () => {
  it("is confirmed by the greeting when there is no filter", async () => {
    const page = listener("");
    const ready = feed.subscribe(page);
    expect(await settled(ready)).toBe(false);
    last().hello();
    expect(await settled(ready)).toBe(true);
    last().packet("a", "c1");
    expect(page.got).toEqual(["a"]);
    expect(page.gaps).toBe(0);
  });

  it("tells the filter after the greeting and drops what comes before the confirmation", async () => {
    const page = listener("type == ADVERT");
    const ready = feed.subscribe(page);
    last().hello();
    expect(last().sent).toEqual([JSON.stringify({ type: "subscribe", filter: "type == ADVERT" })]);
    last().packet("early", "c1");
    expect(await settled(ready)).toBe(false);
    last().confirm("type == ADVERT", "c2");
    expect(await settled(ready)).toBe(true);
    last().packet("late", "c3");
    expect(page.got).toEqual(["late"]);
  });

  it("takes only the confirmation of the newest filter", async () => {
    last().hello();
    const first = listener("snr > 1");
    const second = listener("snr > 2");
    void feed.subscribe(first);
    const ready = feed.subscribe(second);
    last().confirm("snr > 1", "c1");
    expect(await settled(ready)).toBe(false);
    last().confirm("snr > 2", "c2");
    expect(await settled(ready)).toBe(true);
    last().packet("x", "c3");
    expect([first.got, second.got]).toEqual([[], ["x"]]);
  });

  it("does not wait for a refused expression, nor for a server that never confirms", async () => {
    last().hello();
    const refused = feed.subscribe(listener("snr >"));
    last().say({ type: "error", data: { error: "a value is missing" } });
    expect(await settled(refused)).toBe(true);
    const page = listener("snr > 1");
    const ready = feed.subscribe(page);
    timers.find((t) => t.ms < 10_000)?.run();
    expect(await settled(ready)).toBe(true);
    last().confirm("snr > 1", "c1");
    expect(page.gaps).toBe(1);
  });

  it("ends with its page, and the stream is whole again", () => {
    last().hello();
    const page = listener("snr > 1");
    void feed.subscribe(page);
    last().confirm("snr > 1", "c1");
    feed.unsubscribe(page);
    expect(last().sent.at(-1)).toBe(JSON.stringify({ type: "subscribe", filter: "" }));
    last().packet("x", "c2");
    expect(page.got).toEqual([]);
  });
});

describe("losing the socket", () => {
  it("resumes behind the last message, with the filter, and asks for nothing anew", async () => {
    last().hello();
    const page = listener("snr > 1");
    void feed.subscribe(page);
    last().confirm("snr > 1", "c1");
    last().packet("a", "c2");
    last().say({ type: "heartbeat", cursor: "c3", data: {} });
    last().close();
    expect(feed.state.value).toEqual({ kind: "waiting", retryAtMs: 1000 });
    timers.at(-1)?.run();
    const url = new URL(last().url);
    expect([
      url.searchParams.get("v"),
      url.searchParams.get("since"),
      url.searchParams.get("filter"),
    ]).toEqual(["2", "c3", "snr > 1"]);
    last().hello("snr > 1", "c3");
    last().packet("b", "c4");
    expect(page.got).toEqual(["a", "b"]);
    expect(page.gaps).toBe(0);
  });

  it("waits longer each time, and begins anew after a greeting", () => {
    const waits: number[] = [];
    for (let n = 0; n < 7; n++) {
      last().close();
      waits.push(timers.at(-1)?.ms ?? 0);
      timers.at(-1)?.run();
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    last().hello();
    last().close();
    expect(timers.at(-1)?.ms).toBe(1000);
  });

  it("says so when events are lost", () => {
    last().hello();
    const page = listener("");
    void feed.subscribe(page);
    last().say({ type: "gap", cursor: "c9", data: { reason: "too_old" } });
    expect(page.gaps).toBe(1);
    last().close();
    timers.at(-1)?.run();
    expect(new URL(last().url).searchParams.get("since")).toBe("c9");
  });

  it("asks for the list anew when the socket came after it", async () => {
    last().close();
    const page = listener("");
    expect(await settled(feed.subscribe(page))).toBe(true);
    timers.at(-1)?.run();
    last().hello();
    expect(page.gaps).toBe(1);
  });

  it("bears nonsense", () => {
    last().hello();
    const page = listener("");
    void feed.subscribe(page);
    for (const text of ["", "[]", "null", '{"type":"transmission"}', '{"type":7}', "{"])
      last().onmessage?.({ data: text });
    expect(page.got).toEqual([]);
  });
});
