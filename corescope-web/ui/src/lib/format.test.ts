import { describe, expect, it } from "vitest";
import { ago, count, emojiRuns, hexGroups, parseTime, plural, signed, span } from "./format";

describe("numbers", () => {
  it("puts thin spaces between thousands", () => {
    expect(count(48210)).toBe("48\u2009210");
    expect(count(999)).toBe("999");
    expect(count(1_234_567)).toBe("1\u2009234\u2009567");
  });
  it("writes a true minus, and none before zero", () => {
    expect(signed(-7.25, 2)).toBe("\u22127.25");
    expect(signed(-0.04)).toBe("0.0");
    expect(signed(5.25, 2, true)).toBe("+5.25");
    expect(signed(0, 1, true)).toBe("0.0");
  });
  it("counts in words", () => {
    expect(plural(1, "byte")).toBe("1 byte");
    expect(plural(0, "byte")).toBe("0 bytes");
  });
});

describe("time", () => {
  it("is null for what is no time", () => {
    expect(parseTime("")).toBeNull();
    expect(parseTime(null)).toBeNull();
    expect(parseTime("yesterday")).toBeNull();
    expect(parseTime("2026-06-01T12:00:00Z")).toBe(1_780_315_200_000);
  });
  it("tells spans in their largest unit", () => {
    expect(span(59)).toBe("59 s");
    expect(span(60)).toBe("1 min");
    expect(span(7_300)).toBe("2 h");
    expect(span(200_000)).toBe("2 d");
    expect(span(0.4)).toBe("0 s");
  });
  it("says when a clock is ahead", () => {
    expect(ago(10_000, 24_000)).toBe("14 s ago");
    expect(ago(10_000, 10_200)).toBe("now");
    expect(ago(300_000, 0)).toBe("in 5 min, clock ahead");
  });
});

describe("text off the air", () => {
  it("finds emoji, joined ones in one piece", () => {
    expect(emojiRuns("PEAK🌳 x")).toEqual([
      { text: "PEAK", emoji: false },
      { text: "🌳", emoji: true },
      { text: " x", emoji: false },
    ]);
    expect(emojiRuns("👩‍🚀")).toEqual([{ text: "👩‍🚀", emoji: true }]);
    expect(emojiRuns("")).toEqual([]);
  });
  it("leaves markup as text", () => {
    expect(emojiRuns("<img onerror=x>")).toEqual([{ text: "<img onerror=x>", emoji: false }]);
  });
  it("groups hex by eight", () => {
    expect(hexGroups("ea69eea550ad8bd2")).toEqual(["ea69eea5", "50ad8bd2"]);
    expect(hexGroups("abc")).toEqual(["abc"]);
  });
});
