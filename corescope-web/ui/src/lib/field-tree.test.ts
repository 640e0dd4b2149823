import { describe, expect, it } from "vitest";
import { ancestors, bitText, type Field, fieldAt, linesOf, tints } from "./field-tree";

const field = (id: string, start: number, end: number, children: Field[] = [], space = "frame"): Field => ({
  id,
  label: id,
  value: "",
  space,
  start,
  end,
  mask: null,
  tint: space === "frame" ? "header" : "plain",
  issue: "",
  children,
});

const tree = [
  field("0", 0, 1, [field("0.0", 0, 1), field("0.1", 0, 1)]),
  { ...field("1", 1, 5, [field("1.0", 1, 3), field("1.p0", 0, 4, [], "1")]), tint: "payload" as const },
];

describe("the field tree", () => {
  it("leaves out the children of folded fields", () => {
    expect(linesOf(tree, new Set(["0"])).map((l) => l.field.id)).toEqual(["0", "1", "1.0", "1.p0"]);
    expect(linesOf(tree, new Set()).map((l) => l.depth)).toEqual([0, 1, 1, 0, 1, 1]);
  });
  it("finds the innermost field of a byte, in its own space", () => {
    expect(fieldAt(tree, "frame", 2)?.id).toBe("1.0");
    expect(fieldAt(tree, "frame", 4)?.id).toBe("1");
    expect(fieldAt(tree, "1", 3)?.id).toBe("1.p0");
    expect(fieldAt(tree, "frame", 9)).toBeNull();
  });
  it("colours every byte, not those of another space", () => {
    expect(tints(tree, "frame", 6)).toEqual(["header", "header", "header", "payload", "payload", null]);
    expect(tints(tree, "1", 2)).toEqual(["plain", "plain"]);
  });
  it("shows the bits of a mask and dots for the rest", () => {
    expect(
      bitText(0x15, 0b0011_1100)
        .map((b) => b.bit)
        .join(""),
    ).toBe("··01 01··");
  });
  it("names what holds a field", () => {
    expect(ancestors("1.0.2")).toEqual(["1", "1.0"]);
  });
});
