#!/bin/sh
# Long proof, beside `make test`: kill loops, hostile clients, and minutes at a steady rate. Needs Mosquitto.
# Ends with the first part that fails.
#
#   CORESCOPE_KILLS          kills of each form (200)
#   CORESCOPE_HOSTILE        half-open connections at once (10000); other kinds of ill will in proportion
#   CORESCOPE_SOAK_SECONDS   length of the steady run at 1000 messages/s (600)
#   CORESCOPE_PROFILE        Cargo's profile (release)
set -eu
cd "$(dirname "$0")/.."
CORESCOPE_KILLS=${CORESCOPE_KILLS:-200}
CORESCOPE_HOSTILE=${CORESCOPE_HOSTILE:-10000}
CORESCOPE_SOAK_SECONDS=${CORESCOPE_SOAK_SECONDS:-600}
export CORESCOPE_KILLS CORESCOPE_HOSTILE CORESCOPE_SOAK_SECONDS

# The tests skip what they lack; a proof that was skipped is none.
if ! command -v mosquitto >/dev/null && ! [ -x /usr/sbin/mosquitto ]; then
    echo "soak: Mosquitto is not installed (apt-get install mosquitto)" >&2
    exit 1
fi

run() {
    echo "== $1"
    shift
    cargo test --locked --workspace --profile "${CORESCOPE_PROFILE:-release}" "$@"
}

run "$CORESCOPE_KILLS kills of the ingestor behind Mosquitto, and of up with its own endpoint" \
    --test delivery -- --nocapture killed_again_and_again
run "$CORESCOPE_HOSTILE hostile clients" --test hostile -- --nocapture --test-threads=1
run "$CORESCOPE_SOAK_SECONDS s at 1000 messages/s" \
    --test soak -- --ignored --nocapture --test-threads=1 memory_lag_and_log_stay_flat
