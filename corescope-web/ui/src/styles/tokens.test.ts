import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("tokens.css", import.meta.url), "utf8");

function block(start: string): Map<string, string> {
  const from = css.indexOf(start);
  const body = css.slice(css.indexOf("{", from) + 1, css.indexOf("}", from));
  return new Map(
    [...body.matchAll(/(--[\w-]+):\s*([^;]+);/g)].map(([, name = "", value = ""]) => [
      name,
      value.replaceAll(/\s+/g, " "),
    ]),
  );
}

type Rgb = readonly [number, number, number];

function linear(hex: string): Rgb {
  const part = (at: number): number => {
    const c = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return [part(1), part(3), part(5)];
}

/** Machado 2009, full severity: protan-, deuter- and tritanopia, on linear light; and normal vision. */
const VISIONS: readonly (readonly Rgb[])[] = [
  [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
];

function oklab([r, g, b]: Rgb): Rgb {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function smallestDistance(colours: readonly string[]): number {
  let smallest = Number.POSITIVE_INFINITY;
  for (const vision of VISIONS) {
    const seen = colours.map((hex) => {
      const rgb = linear(hex);
      const mixed = vision.map((row) =>
        Math.min(1, Math.max(0, row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2])),
      );
      return oklab([mixed[0] ?? 0, mixed[1] ?? 0, mixed[2] ?? 0]);
    });
    seen.forEach((a, at) => {
      for (const b of seen.slice(at + 1))
        smallest = Math.min(smallest, Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]));
    });
  }
  return smallest;
}

const luminance = (hex: string): number =>
  linear(hex).reduce((sum, c, at) => sum + c * ([0.2126, 0.7152, 0.0722][at] ?? 0), 0);
const contrast = (a: string, b: string): number => {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
};

const dark = block(':root, [data-theme="dark"]');
const light = block('[data-theme="light"] {');
const types = (theme: Map<string, string>): string[] =>
  [...theme].filter(([name]) => name.startsWith("--pt-")).map(([, value]) => value);

describe("themes", () => {
  it("say the same light for who chose it and whose system asks for it", () => {
    expect(block(":root:not([data-theme]) {")).toEqual(light);
  });
  it("give every semantic token in both", () => {
    expect([...light.keys()].sort()).toEqual([...dark.keys()].sort());
  });
});

describe("payload colours", () => {
  it("stay apart for four kinds of vision", () => {
    expect(types(dark)).toHaveLength(13);
    expect(smallestDistance(types(dark))).toBeGreaterThanOrEqual(0.086);
    expect(smallestDistance(types(light))).toBeGreaterThanOrEqual(0.077);
  });
  it("stand out from the ground", () => {
    for (const colour of types(dark)) expect(contrast(colour, "#0e1319")).toBeGreaterThanOrEqual(3);
    for (const colour of types(light)) expect(contrast(colour, "#ffffff")).toBeGreaterThanOrEqual(3);
  });
});
