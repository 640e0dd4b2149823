// Cuts the two fonts down to what the page writes: Latin without ligatures. Both are under the SIL Open Font Licence 1.1.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import subsetFont from "subset-font";

const root = new URL("../", import.meta.url);
const out = new URL("generated/", root);
mkdirSync(out, { recursive: true });

const range = (from, to) =>
  String.fromCodePoint(...Array.from({ length: to - from + 1 }, (_, at) => from + at));
const ASCII = range(0x20, 0x7e);
const LATIN = ASCII + range(0xa0, 0xff) + "–—‘’“”„…•′″−×→←↑↓≈≥≤°·ıŒœ€™\u2009\u202f";

const fonts = [
  [
    "@fontsource-variable/ibm-plex-sans/files/ibm-plex-sans-latin-wght-normal.woff2",
    "sans.woff2",
    LATIN,
    { wght: { min: 400, max: 600 } },
  ],
  [
    "@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2",
    "mono.woff2",
    `${ASCII}·→–…−°`,
    { wght: { min: 400, max: 600 } },
  ],
];
for (const [from, to, text, variationAxes] of fonts) {
  const font = readFileSync(new URL(`node_modules/${from}`, root));
  writeFileSync(
    new URL(to, out),
    await subsetFont(font, text, { targetFormat: "woff2", variationAxes, noLayoutClosure: true }),
  );
}
