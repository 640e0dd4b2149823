import { describe, expect, it } from "vitest";
import { detailOf, detailText, parseDecoded, parseHops } from "./packet";
import { PAYLOAD_KINDS, payloadKind } from "./payload";
import { airtimeMs, parseRadio, snrPercent, snrStep } from "./signal";

describe("what the API sends as text", () => {
  it("reads as empty when it is broken", () => {
    expect(parseDecoded("{")).toEqual({});
    expect(parseDecoded("[1]")).toEqual({});
    expect(parseDecoded(null)).toEqual({});
    expect(parseHops('["AA",1,null,"BB"]')).toEqual(["AA", "BB"]);
    expect(parseHops("nonsense")).toEqual([]);
  });
});

describe("details", () => {
  it("show a message with its channel, and why another cannot be read", () => {
    expect(detailText(detailOf(5, { type: "CHAN", channel: "#test", text: "a: b" }))).toBe("#test: a: b");
    expect(detailOf(5, { type: "GRP_TXT", channelHashHex: "6E", decryptionStatus: "no_key" })).toEqual({
      kind: "locked",
      text: "channel 6E · no key",
    });
  });
  it("show an advert by role and name, by key without a name", () => {
    expect(detailOf(4, { pubKey: "ab".repeat(32), flags: { room: true } })).toEqual({
      kind: "advert",
      role: "room",
      name: "abababab",
    });
  });
  it("have words for every type, also unassigned ones and broken payloads", () => {
    for (let type = 0; type < 16; type++) expect(detailText(detailOf(type, {}))).toBeTypeOf("string");
    expect(detailOf(9, { error: "too short" })).toEqual({ kind: "text", text: "too short" });
  });
});

describe("payload types", () => {
  it("have codes and names of their own", () => {
    expect(new Set(PAYLOAD_KINDS.map((k) => k.code)).size).toBe(PAYLOAD_KINDS.length);
    expect(payloadKind(12)).toMatchObject({ name: "UNK(12)", code: "12" });
    expect(payloadKind(null).name).toBe("UNKNOWN");
  });
});

describe("signal", () => {
  it("keeps the ruler inside its bounds", () => {
    expect(snrPercent(-99)).toBe(4);
    expect(snrPercent(99)).toBe(100);
    expect(snrPercent(0)).toBe(57);
    expect([-30, -5, 0, 5, 10, 30].map(snrStep)).toEqual([3, 4, 5, 6, 7, 8]);
  });
  it("computes the time on air of the observer's settings", () => {
    const radio = parseRadio("910.525,62.5,7,5");
    expect(radio && Math.round(airtimeMs(77, radio))).toBe(326);
    expect(parseRadio("910.525,62.5")).toBeNull();
    expect(parseRadio("910.525,62.5,99,5")).toBeNull();
    expect(parseRadio(null)).toBeNull();
  });
});
