// Fails when a dependency's licence is one that MIT OR Apache-2.0 code cannot be shipped with.
// `cargo deny check` (see deny.toml) asks the same and the advisory database too; it is run when installed.
import { execFileSync, spawnSync } from 'node:child_process';

const allowed = new Set([
  'MIT', 'MIT-0', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'ISC', 'Zlib', 'Unlicense', 'CC0-1.0',
  'Unicode-3.0', 'Unicode-DFS-2016', 'BSL-1.0', 'MPL-2.0', 'CDLA-Permissive-2.0', 'Apache-2.0 WITH LLVM-exception', 'zlib-acknowledgement',
]);

/** True when some choice that the SPDX expression leaves is allowed: OR needs one side, AND both. */
function acceptable(expression) {
  const tokens = expression.replaceAll('/', ' OR ').match(/\(|\)|[^\s()]+/g) ?? [];
  let at = 0;
  const term = () => {
    if (tokens[at] === '(') { at += 1; const inner = either(); at += 1; return inner; }
    let name = tokens[at++];
    if (tokens[at] === 'WITH') { name += ` WITH ${tokens[at + 1]}`; at += 2; }
    return allowed.has(name);
  };
  const both = () => { let ok = term(); while (tokens[at] === 'AND') { at += 1; const next = term(); ok = ok && next; } return ok; };
  const either = () => { let ok = both(); while (tokens[at] === 'OR') { at += 1; const next = both(); ok = ok || next; } return ok; };
  return either();
}

const metadata = JSON.parse(execFileSync('cargo', ['metadata', '--format-version', '1', '--locked'], { maxBuffer: 1 << 28 }));
const bad = metadata.packages
  .filter((p) => p.source !== null)
  .filter((p) => !(p.license && acceptable(p.license)) && !(p.license === null && p.license_file));
const unnamed = metadata.packages.filter((p) => p.source !== null && !p.license);
for (const p of bad) console.error(`licence not allowed: ${p.name} ${p.version}: ${p.license ?? 'none stated'}`);
for (const p of unnamed) console.log(`note: ${p.name} ${p.version} states its licence in a file only: ${p.license_file ?? 'none'}`);
console.log(`${metadata.packages.length} packages looked at, ${bad.length} with a licence that is not allowed`);

let failed = bad.length > 0;
if (spawnSync('cargo', ['deny', '--version']).status === 0) {
  failed ||= spawnSync('cargo', ['deny', '--offline', 'check', 'licenses', 'bans', 'sources'], { stdio: 'inherit' }).status !== 0;
}
process.exit(failed ? 1 : 0);
