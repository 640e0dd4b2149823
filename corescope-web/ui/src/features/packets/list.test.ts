import { describe, expect, it } from "vitest";
import type { LiveMessage } from "../../api/events";
import type { Packet, PacketPage } from "../../api/types";
import { type From, HELD_MAX, PAGE_ROWS, PacketList } from "./list";

const packet = (n: number, observations = 1): Packet => ({
  id: n,
  timestamp: "",
  hash: n.toString(16).padStart(16, "0"),
  first_seen: new Date(1_780_000_000_000 + n * 1000).toISOString(),
  raw_hex: "1508",
  decoded_json: null,
  path_json: "[]",
  observer_id: "o",
  observer_name: "O",
  snr: 1,
  rssi: -90,
  payload_type: 4,
  route_type: 1,
  observation_count: observations,
});

const hash = (n: number): string => n.toString(16).padStart(16, "0");
const live = (n: number): LiveMessage => ({ kind: "packet", cursor: `c${n}`, packet: packet(n) });
const heard = (n: number, count: number): LiveMessage => ({
  kind: "observations",
  cursor: "c",
  hash: hash(n),
  count,
  observations: [
    {
      id: 1,
      observer_id: "p",
      observer_name: "P",
      snr: 4,
      rssi: -80,
      path_json: '["AA","BB"]',
      timestamp: "2026-06-01T12:00:00.000Z",
    },
  ],
});

/** A server with packets 1 … count, the last heard first; more can come, and old ones can be heard again. */
function server(count: number) {
  const state = {
    order: Array.from({ length: count }, (_, n) => count - n),
    asked: [] as (number | string)[],
  };
  const latest = new Map<number, number>(state.order.map((n) => [n, n]));
  let clock = count;
  const hear = (n: number): void => {
    latest.set(n, ++clock);
    state.order = [n, ...state.order.filter((m) => m !== n)];
  };
  const load = async (from: From, limit: number): Promise<PacketPage> => {
    const cursor = "cursor" in from ? Number(from.cursor) : null;
    state.asked.push("cursor" in from ? from.cursor : from.offset);
    const behind = state.order.filter((n) => cursor === null || (latest.get(n) ?? 0) < cursor);
    const start = "offset" in from ? from.offset : 0;
    const rows = behind.slice(start, start + limit);
    const last = rows.at(-1);
    return {
      packets: rows.map((n) => packet(n)),
      total: state.order.length,
      limit,
      offset: start,
      ...(last !== undefined && start + limit < behind.length
        ? { nextCursor: String(latest.get(last)) }
        : {}),
    };
  };
  return { state, load, hear };
}

const hashes = (list: PacketList, from = 0, to = list.length): (string | undefined)[] =>
  Array.from({ length: to - from }, (_, n) => list.at(from + n)?.hash);
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

describe("the packet list", () => {
  it("merges what came while the first page was on its way, each hash once", async () => {
    const { load } = server(3);
    const list = new PacketList(load);
    const started = list.start();
    list.receive([live(3), live(4), heard(2, 7)]);
    await started;
    expect(hashes(list)).toEqual([4, 3, 2, 1].map(hash));
    expect(list.at(2)).toMatchObject({ observations: 7, hops: ["AA", "BB"], observer: "P" });
  });

  it("keeps what the server finds odd in the filter", async () => {
    const odd = { column: 1, length: 2, message: "no packet has a field sn: this is never true", suggestion: "snr" };
    const { load } = server(1);
    const list = new PacketList(async (from, limit) => ({ ...(await load(from, limit)), warnings: [odd] }));
    await list.start();
    expect(list.warnings.value).toEqual([odd]);
    const plain = new PacketList(load);
    await plain.start();
    expect(plain.warnings.value).toEqual([]);
  });

  it("puts new rows on top, in the order of time", async () => {
    const list = new PacketList(server(2).load);
    await list.start();
    expect(list.receive([live(5), live(4), live(6)])).toBe(3);
    expect(hashes(list)).toEqual([6, 5, 4, 2, 1].map(hash));
    expect(list.indexOf(hash(2))).toBe(3);
  });

  it("never shows a packet twice when the server repeats it", async () => {
    const list = new PacketList(server(2).load);
    await list.start();
    list.receive([live(3)]);
    expect(list.receive([live(3), live(2)])).toBe(0);
    expect(hashes(list)).toEqual([3, 2, 1].map(hash));
  });

  it("reads pages that follow each other by cursor, each packet once while the list moves", async () => {
    const { state, load, hear } = server(1000);
    const list = new PacketList(load);
    await list.start();
    for (let page = 1; page < 10; page++) {
      hear(1000 + page);
      hear(page);
      list.receive([live(1000 + page), heard(page, 2)]);
      list.show(page * PAGE_ROWS + page, (page + 1) * PAGE_ROWS - 1);
      await turn();
    }
    expect(state.asked).toEqual([0, "901", "801", "701", "601", "501", "401", "301", "201", "101"]);
    const shown = hashes(list).filter((h) => h !== undefined);
    expect(new Set(shown).size).toBe(shown.length);
    // Those that were heard again stand on top for the server; the list ends where the server's history does.
    expect(list.length).toBe(9 + 1000 - 9);
    expect(list.at(list.length - 1)?.hash).toBe(hash(10));
  });

  it("jumps by offset, and joins what follows by cursor", async () => {
    const { state, load, hear } = server(1000);
    const list = new PacketList(load);
    await list.start();
    [1001, 1002, 1003].forEach(hear);
    list.receive([live(1001), live(1002), live(1003)]);
    list.show(500, 530);
    await turn();
    expect(state.asked).toEqual([0, 403, 503, "501"]);
    expect(list.at(503)?.hash).toBe(hash(500));
    expect(list.at(950)).toBeUndefined();
    expect(new Set(hashes(list).filter((h) => h !== undefined)).size).toBe(3 + 3 * PAGE_ROWS);
  });

  it("drops a page that no longer joins the one before it", async () => {
    const { load, hear } = server(1000);
    const list = new PacketList(load);
    await list.start();
    list.show(500, 510);
    await turn();
    // Heard again, but not told live: the page above now reaches further down.
    for (let n = 601; n <= 610; n++) hear(n);
    list.show(400, 410);
    await turn();
    list.show(400, 510);
    await turn();
    const shown = hashes(list).filter((h) => h !== undefined);
    expect(new Set(shown).size).toBe(shown.length);
    expect(list.at(500)).toBeDefined();
  });

  it("catches up with what came before the live feed began", async () => {
    const { load, hear } = server(300);
    const list = new PacketList(load);
    await list.start();
    hear(301);
    hear(302);
    list.catchUp(await load({ offset: 0 }, PAGE_ROWS));
    list.receive([live(302), live(303)]);
    expect(hashes(list, 0, 4)).toEqual([303, 302, 301, 300].map(hash));
    expect(list.stale.value).toBe(false);
    for (let n = 304; n < 404; n++) hear(n);
    list.catchUp(await load({ offset: 0 }, PAGE_ROWS));
    expect(list.stale.value).toBe(true);
  });

  it("holds messages during a pause and lets each in once", async () => {
    const list = new PacketList(server(1).load);
    await list.start();
    list.pause(true);
    list.receive(Array.from({ length: 30 }, (_, n) => live(n + 2)));
    expect(list.length).toBe(1);
    expect(list.held.value).toBe(30);
    expect(list.pause(false)).toBe(30);
    expect(list.length).toBe(31);
    expect(list.held.value).toBe(0);
  });

  it("asks to be read anew when a pause overflows", async () => {
    const list = new PacketList(server(1).load);
    await list.start();
    list.pause(true);
    list.receive(Array.from({ length: HELD_MAX + 1 }, (_, n) => live(n + 2)));
    expect(list.stale.value).toBe(true);
    expect(list.held.value).toBe(HELD_MAX);
  });

  it("says why it could not be read, and keeps what it has when a later page fails", async () => {
    const failing = new PacketList(() => Promise.reject(new Error("no answer")));
    await failing.start();
    expect(failing.state.value.kind).toBe("failed");
    const { load } = server(400);
    let broken = false;
    const list = new PacketList((from, limit) =>
      broken ? Promise.reject(new Error("gone")) : load(from, limit),
    );
    await list.start();
    broken = true;
    list.show(200, 220);
    await turn();
    expect(list.state.value.kind).toBe("ready");
    expect(list.trouble.value).toBeInstanceOf(Error);
    broken = false;
    list.show(200, 220);
    await turn();
    expect(list.at(210)?.hash).toBe(hash(190));
    expect(list.trouble.value).toBeNull();
  });
});
