// Compares what a visitor downloads with the budgets, and fails when one is exceeded. Sizes are gzip, in kB of 1000 bytes.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const assets = new URL("../dist/assets/", import.meta.url).pathname;
const files = readdirSync(assets).filter((name) => !/\.(br|gz)$/.test(name));
const gzip = (name) => gzipSync(readFileSync(join(assets, name)), { level: 9 }).length / 1000;
const sum = (names) => names.reduce((total, name) => total + gzip(name), 0);

const isMap = (name) => /^(map|maplibre|basemap)/.test(name);
const scripts = files.filter((name) => name.endsWith(".js"));
const rows = [
  ["script without the map", sum(scripts.filter((name) => !isMap(name))), 80],
  ["script of the map", sum(scripts.filter((name) => isMap(name) && !/worker/.test(name))), 300],
  ["styles", sum(files.filter((name) => name.endsWith(".css") && !isMap(name))), 18],
  [
    "fonts",
    files
      .filter((name) => name.endsWith(".woff2"))
      .reduce((total, name) => total + statSync(join(assets, name)).size / 1000, 0),
    60,
  ],
];
let failed = false;
for (const [what, size, most] of rows) {
  const over = size > most;
  failed ||= over;
  console.log(
    `${over ? "OVER" : "ok  "}  ${what.padEnd(24)} ${size.toFixed(1).padStart(7)} kB of ${most} kB`,
  );
}
process.exitCode = failed ? 1 : 0;
