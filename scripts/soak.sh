#!/bin/sh
# Long proof, beside `make test`: kill loops and minutes at a steady rate. Needs Mosquitto.
#
#   CORESCOPE_KILLS          kills of each form (200)
#   CORESCOPE_SOAK_SECONDS   length of the steady run at 1000 messages/s (600)
#   CORESCOPE_HOSTILE        half-open connections at once (10000); other kinds of ill will in proportion
set -eu
cd "$(dirname "$0")/.."
CORESCOPE_KILLS=${CORESCOPE_KILLS:-200}
CORESCOPE_SOAK_SECONDS=${CORESCOPE_SOAK_SECONDS:-600}
CORESCOPE_HOSTILE=${CORESCOPE_HOSTILE:-10000}
export CORESCOPE_KILLS CORESCOPE_SOAK_SECONDS CORESCOPE_HOSTILE

echo "== $CORESCOPE_KILLS kills of the ingestor behind Mosquitto, and of up with its own endpoint"
cargo test --release -p corescope-cli --test delivery -- --nocapture killed_again_and_again

echo "== $CORESCOPE_SOAK_SECONDS s at 1000 messages/s"
cargo test --release -p corescope-cli --test soak -- --ignored --nocapture --test-threads=1

echo "== $CORESCOPE_HOSTILE hostile clients of each kind"
cargo test --release -p corescope-cli --test hostile -- --nocapture --test-threads=1

# Long tests of other parts are marked the same way, with a name that starts with soak_.
echo "== other long tests"
cargo test --release --workspace -- --ignored --nocapture --test-threads=1 soak_
