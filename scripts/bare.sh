#!/usr/bin/env bash
# Two promises about what is *not* linked.
set -euo pipefail
cd "$(dirname "$0")/.."

# 1. The decoder builds with no feature at all and then needs few other crates.
cargo check -p corescope-decode --no-default-features --locked
crates=$(cargo tree -p corescope-decode --no-default-features -e normal --prefix none --locked | sort -u | tail -n +1 | grep -vc '^corescope-decode ')
echo "corescope-decode without features: $crates other crates (at most 8)"
[ "$crates" -le 8 ]
for features in alloc std crypto signatures serde encode "encode signatures serde"; do
    cargo check -p corescope-decode --no-default-features --features "$features" --locked
done
# A crate without std and allocator links it: where std came along, there would be two panic handlers.
CARGO_TARGET_DIR="$PWD/target/no-std" cargo build --quiet --manifest-path scripts/no-std/Cargo.toml

# 2. The server cannot name a writer: its store is built without the write feature.
cargo check -p corescope-web --no-default-features --locked
if cargo tree -p corescope-web -e features --locked | grep -q 'corescope-store feature "write"'; then
    echo "corescope-web is built with the write side of the store" >&2
    exit 1
fi
