import { expect, it } from "vitest";
import { suggest } from "./complete";

const texts = (text: string): string[] => suggest(text, text.length).items.map((item) => item.text);

it("suggests fields first, then operators, then values, then joints", () => {
  expect(texts("pay")).toContain("payload.name");
  expect(texts("snr ")).toContain(">=");
  expect(texts("type == ")).toContain("ADVERT");
  expect(texts("type == GR")).toEqual(["GRP_TXT", "GRP_DATA"]);
  expect(texts("type == ADVERT ")).toEqual(["&&", "||"]);
  expect(texts("type == ADVERT && ho")).toEqual(["hops"]);
  expect(texts("!(ro")).toEqual(["route", "routed_through"]);
  expect(texts("type in (AD")).toEqual(["ADVERT"]);
  expect(texts("payload.flags.room == ")).toEqual(["true", "false"]);
});

it("says nothing where it knows nothing, nor what is there already", () => {
  expect(texts("snr > ")).toEqual([]);
  expect(texts("hops")).toEqual([]);
});

it("takes the place of the word at the caret only", () => {
  expect(suggest("ty == ADVERT", 2)).toMatchObject({ from: 0, to: 2 });
});
