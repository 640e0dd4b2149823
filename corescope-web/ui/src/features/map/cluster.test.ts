import { describe, expect, it } from "vitest";
import { gather } from "./cluster";
import { Occupied } from "./labels";
import type { Spot } from "./model";
import { mix } from "./palette";
import { readTowns } from "./places";

const spot = (n: number, lat: number, lon: number, role: Spot["role"] = "repeater"): Spot => ({
  key: String(n),
  name: `n${n}`,
  role,
  place: { lat, lon },
  lastMs: 0,
  weight: n,
  hashSize: 1,
  prefix: "AA",
});

describe("clusters", () => {
  it("gather what lies close and lose nothing", () => {
    const near = Array.from({ length: 6 }, (_, n) =>
      spot(n, 37 + n * 0.0001, -122, n < 2 ? "room" : "repeater"),
    );
    const far = [spot(10, 40, -100), spot(11, 10, 10)];
    const { singles, clusters } = gather([...near, ...far], 8);
    expect(singles.map((s) => s.key)).toEqual(["10", "11"]);
    expect(clusters).toHaveLength(1);
    expect(clusters[0]?.roles).toEqual([
      ["repeater", 4],
      ["room", 2],
    ]);
  });
  it("are off close up, and when switched off", () => {
    const spots = Array.from({ length: 9 }, (_, n) => spot(n, 37, -122));
    expect(gather(spots, 14).singles).toHaveLength(9);
    expect(gather(spots, 5, false).singles).toHaveLength(9);
  });
  it("never lie over one another", () => {
    const spots = Array.from({ length: 3000 }, (_, n) =>
      spot(n, 40 + ((n * 7919) % 1000) / 300, 5 + ((n * 104_729) % 1000) / 300),
    );
    const { singles, clusters } = gather(spots, 7);
    expect(clusters.reduce((sum, c) => sum + c.spots.length, singles.length)).toBe(3000);
    const size = 512 * 2 ** 7;
    for (const [at, a] of clusters.entries()) {
      for (const b of clusters.slice(at + 1))
        expect(Math.abs(a.x - b.x) * size >= 50 || Math.abs(a.y - b.y) * size >= 23.9).toBe(true);
    }
  });
});

describe("labels", () => {
  it("take the first free side, or none", () => {
    const occupied = new Occupied();
    const box = (left: number) => ({ left, right: left + 10, top: 0, bottom: 10 });
    expect(occupied.place([box(0), box(20)])).toBe(0);
    expect(occupied.place([box(5), box(20)])).toBe(1);
    expect(occupied.place([box(5), box(25)])).toBe(-1);
    expect(occupied.isFree(box(100))).toBe(true);
  });
});

it("reads the table of towns", () => {
  const names = new TextEncoder().encode("Åre\nSan José");
  const bytes = new Uint8Array(4 + 14 + names.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 2, true);
  const put = (at: number, value: number): void => {
    view.setUint16(at, value & 0xffff, true);
    view.setUint8(at + 2, (value >> 16) & 0xff);
  };
  put(4, 13_080);
  put(7, 63_399);
  view.setUint8(10, 140);
  put(11, -84_083);
  put(14, 9_933);
  view.setUint8(17, 184);
  bytes.set(names, 18);
  expect(readTowns(bytes.buffer)).toEqual([
    { name: "Åre", lon: 13.08, lat: 63.399, rank: 140 },
    { name: "San José", lon: -84.083, lat: 9.933, rank: 184 },
  ]);
});

it("mixes colours", () => {
  expect(mix("#000000", "#ffffff", 0.5)).toBe("#808080");
  expect(mix("teal", "#ffffff", 0.5)).toBe("teal");
});
