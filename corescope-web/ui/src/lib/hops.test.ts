import { expect, it } from "vitest";
import { HopIndex, hopTitle } from "./hops";

const key = (start: string): string => start.padEnd(64, "0");
const index = new HopIndex([
  { public_key: key("61aa"), name: "Alpha", role: "repeater" },
  { public_key: key("61bb"), name: "Beta", role: "room" },
  { public_key: key("59"), name: null, role: "repeater" },
  { public_key: key("77"), name: "Phone", role: "companion" },
]);

it("names a hop that only one relaying node can be", () => {
  const hop = index.hop("59", null);
  expect(hop).toMatchObject({ key: key("59"), name: "59000000", trust: "certain" });
});

it("does not guess among several, and says how many there are", () => {
  expect(index.hop("61", null)).toMatchObject({ key: null, trust: "unknown", candidates: 2 });
  expect(hopTitle(index.hop("61", undefined))).toContain("one of 2");
  expect(index.hop("61AA", null)).toMatchObject({ name: "Alpha", trust: "certain" });
});

it("trusts the server's choice less where others share the prefix", () => {
  expect(index.hop("61", key("61bb"))).toMatchObject({ name: "Beta", trust: "probable", candidates: 2 });
});

it("leaves companions out: they do not relay", () => {
  expect(index.hop("77", null)).toMatchObject({ key: null, candidates: 0 });
});
