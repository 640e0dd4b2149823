// Writes a brotli and a gzip form beside every file of dist/ that gets smaller by it: the server sends them as they are.
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url).pathname;
const PACKED = /\.(woff2|png|br|gz)$/;

for (const name of readdirSync(dist, { recursive: true })) {
  const path = join(dist, String(name));
  if (!statSync(path).isFile()) continue;
  if (/\.(br|gz)$/.test(path)) {
    rmSync(path);
    continue;
  }
  if (PACKED.test(path)) continue;
  const bytes = readFileSync(path);
  const forms = {
    br: brotliCompressSync(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    }),
    gz: gzipSync(bytes, { level: 9 }),
  };
  for (const [suffix, packed] of Object.entries(forms))
    if (packed.length < bytes.length * 0.95) writeFileSync(`${path}.${suffix}`, packed);
}
