import { describe, expect, it } from "vitest";
import type { LiveMessage } from "../../api/events";
import type { Packet, PacketPage } from "../../api/types";
import { HELD_MAX, PAGE_ROWS, PacketList } from "./list";

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

/** A server with packets 1 … count, newest first; more can come. */
function server(count: number) {
  const state = { count, asked: [] as number[] };
  const load = async (offset: number, limit: number): Promise<PacketPage> => {
    state.asked.push(offset);
    const all = Array.from({ length: state.count }, (_, n) => packet(state.count - n));
    return { packets: all.slice(offset, offset + limit), total: state.count, limit, offset };
  };
  return { state, load };
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

  it("reads pages as they are shown, moved down by what came since", async () => {
    const { state, load } = server(1000);
    const list = new PacketList(load);
    await list.start();
    state.count += 3;
    list.receive([live(1001), live(1002), live(1003)]);
    list.show(500, 530);
    await turn();
    expect(state.asked).toEqual([0, 403, 503]);
    expect(list.at(503)?.hash).toBe(hash(500));
    expect(list.at(950)).toBeUndefined();
    expect(new Set(hashes(list).filter((h) => h !== undefined)).size).toBe(3 + 3 * PAGE_ROWS);
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
    const list = new PacketList((offset, limit) =>
      broken ? Promise.reject(new Error("gone")) : load(offset, limit),
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
