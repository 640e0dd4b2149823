import { describe, expect, it } from "vitest";
import { listQuery, scopeOf, subscription, timeWindow } from "./scope";

const scope = (query: string) => scopeOf(new Map(new URLSearchParams(query)));

describe("the scope of the address", () => {
  it("has the window of the original's links, 15 minutes without", () => {
    expect(scope("").window.seconds).toBe(900);
    expect(scope("timeWindow=1440").window.label).toBe("Last 24 h");
    expect(scope("timeWindow=0").window.seconds).toBeNull();
    expect(timeWindow("nonsense").seconds).toBe(900);
  });
  it("reads regions in any case", () => {
    expect(scope("region=sjc, SFO,,").regions).toEqual(["SJC", "SFO"]);
  });
});

describe("asking the server", () => {
  it("names the window from the server's clock, in whole seconds", () => {
    expect(listQuery(scope("timeWindow=60"), "", Date.parse("2026-06-01T12:00:00.700Z"))).toEqual({
      groupByHash: "true",
      since: "2026-06-01T11:00:00Z",
    });
    expect(listQuery(scope("timeWindow=0&region=SJC&node=ab"), "snr > 1", 0)).toEqual({
      groupByHash: "true",
      region: "SJC",
      node: "ab",
      filter: "snr > 1",
    });
  });
  it("subscribes to the same thing in one expression", () => {
    expect(subscription(scope(""), "")).toBe("");
    expect(subscription(scope(""), "a == 1 || b == 2")).toBe("a == 1 || b == 2");
    expect(subscription(scope("region=SJC,SFO"), "a == 1 || b == 2")).toBe(
      '(a == 1 || b == 2) && iata in ("SJC", "SFO")',
    );
    expect(subscription(scope('channel=%23a"b'), "")).toBe('payload.channel == "#a\\"b"');
  });
});
