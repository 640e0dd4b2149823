import { describe, expect, it } from "vitest";
import { splitAtError, tokens } from "./expression";

const kinds = (text: string): string =>
  tokens(text)
    .filter((t) => t.kind !== "space")
    .map((t) => `${t.kind[0]}:${t.text}`)
    .join(" ");

describe("tokens", () => {
  it("joined are the text again, whatever it is", () => {
    for (const text of [
      'iata in (OAK, "SFO") && snr > -9',
      'name == "un',
      "(((",
      "",
      "a:b   c",
      "é ü 😀 == 'x'",
    ]) {
      expect(
        tokens(text)
          .map((t) => t.text)
          .join(""),
      ).toBe(text);
    }
  });
  it("tells fields, operators and values apart", () => {
    expect(kinds("snr > -9")).toBe("f:snr o:> v:-9");
    expect(kinds("type == ADVERT && hops < 2")).toBe("f:type o:== v:ADVERT o:&& f:hops o:< v:2");
    expect(kinds('iata in (OAK, "bru")')).toBe('f:iata o:in o:( v:OAK o:, v:"bru" o:)');
    expect(kinds("!(payload.text)")).toBe("o:! o:( f:payload.text o:)");
  });
});

describe("splitAtError", () => {
  it("marks the word at the column", () => {
    expect(splitAtError("age < 5x", 7)).toEqual({ before: "age < ", bad: "5x", after: "" });
    expect(splitAtError("hash == 2f0b && x", 9)).toEqual({ before: "hash == ", bad: "2f0b", after: " && x" });
  });
  it("marks the last character when something is missing at the end", () => {
    expect(splitAtError("snr >", 6)).toEqual({ before: "snr ", bad: ">", after: "" });
    expect(splitAtError("", 1)).toEqual({ before: "", bad: "", after: "" });
  });
  it("bears a column beyond the text", () => {
    expect(splitAtError("abc", 99).before + splitAtError("abc", 99).bad).toBe("abc");
  });
});
