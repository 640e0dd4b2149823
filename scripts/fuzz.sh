#!/usr/bin/env bash
# Fuzzes every target for SECONDS each: scripts/fuzz.sh [SECONDS]. `make test` replays the seeds without a fuzzer.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}

cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked
run=(cargo fuzz)
if cargo +nightly --version >/dev/null 2>&1; then run=(cargo +nightly fuzz); else export RUSTC_BOOTSTRAP=1; fi

for target in $("${run[@]}" list); do
    echo "== $target for $seconds s"
    seeds=(fuzz/corpus/"$target")
    mkdir -p "${seeds[0]}"
    [ -d "fuzz/seeds/$target" ] && seeds+=("fuzz/seeds/$target")
    dictionary=()
    [ -f fuzz/meshcore.dict ] && dictionary=(-dict=fuzz/meshcore.dict)
    "${run[@]}" run "$target" "${seeds[@]}" -- -max_total_time="$seconds" "${dictionary[@]}"
done
