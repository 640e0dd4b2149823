import { expect, it } from "vitest";
import { readPasted } from "./pasted";

it("reads hex in the forms that tools print", () => {
  for (const text of ["15 08 61", "0x15,0x08,0x61", "150861", "15:08:61", "15\n08\n61"])
    expect(readPasted(text)).toEqual({ frames: ["150861"] });
});

it("reads base64", () => {
  expect(readPasted("FQhh")).toEqual({ frames: ["150861"] });
});

it("takes lines for frames, but a dump broken into lines for one", () => {
  expect(readPasted("150861\n1100aabbcc\n")).toEqual({ frames: ["150861", "1100aabbcc"] });
  const dump = `${"ab".repeat(16)}\n${"cd".repeat(16)}\nef`;
  expect(readPasted(dump)).toEqual({ frames: ["ab".repeat(16) + "cd".repeat(16) + "ef"] });
});

it("says what is wrong, and where", () => {
  expect(readPasted("  ")).toEqual({ problem: "There is nothing to decode yet." });
  expect(readPasted("150")).toMatchObject({ problem: expect.stringContaining("odd number") });
  expect(readPasted("1508\nwhat is this?")).toMatchObject({ problem: expect.stringContaining("Line 2") });
});
