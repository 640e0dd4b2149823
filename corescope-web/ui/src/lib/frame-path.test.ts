import { expect, it } from "vitest";
import { frameWithPath } from "./frame-path";

it("puts an observer's hops into the frame", () => {
  expect(frameWithPath("150011d18b", ["5A", "8A"])).toBe("15025a8a11d18b");
  expect(frameWithPath("1503aabbcc11d18b", ["5A"])).toBe("15015a11d18b");
  expect(frameWithPath("1503aabbcc11d18b", [])).toBe("150011d18b");
});

it("knows transport codes and longer hops", () => {
  expect(frameWithPath("140102030441aabbee", ["1122", "3344"])).toBe("14010203044211223344ee");
});

it("leaves a frame that the hops do not fit", () => {
  expect(frameWithPath("1501aaee", ["1122"])).toBe("1501aaee");
  expect(frameWithPath("2601aaee", ["5A", "8A"])).toBe("2601aaee");
  expect(frameWithPath("15", ["5A"])).toBe("15");
  expect(frameWithPath("1509aa", ["5A"])).toBe("1509aa");
  expect(frameWithPath("", ["5A"])).toBe("");
});
