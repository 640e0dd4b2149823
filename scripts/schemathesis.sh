#!/bin/sh
# schemathesis.sh BINARY: tries the API's description against a running server. No answer may be a 500 or differ from its
# schema. Needs python3 with venv; takes about a minute; the same requests every time.
set -eu
binary=$1
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
server=
# The server writes its snapshot when it ends: its folder goes after it.
end() {
  test -z "$server" || { kill "$server" 2>/dev/null && wait "$server"; } || true
  rm -rf "$work" || true
}
trap end EXIT INT TERM
venv=${CORESCOPE_VENV:-$here/target/schemathesis}
if ! "$venv/bin/schemathesis" --version >/dev/null 2>&1; then
  python3 -m venv "$venv" || { echo "schemathesis: python3 with venv is missing; skipped" >&2; exit 0; }
  "$venv/bin/pip" install -q 'schemathesis==4.32.5' || { echo "schemathesis: cannot be installed here; skipped" >&2; exit 0; }
fi
"$binary" simulate --preset town --seed 7 --count 400 --out "$work/mesh.jsonl" >/dev/null
"$binary" ingest --data "$work" --file "$work/mesh.jsonl" >/dev/null 2>&1
printf '{"apiKey": "correct-horse-battery-staple"}\n' >"$work/config.json"
"$binary" serve --data "$work" --listen 127.0.0.1:0 --wait 10 >"$work/out" 2>"$work/log" &
server=$!
i=0
until url=$(sed -n 's/^CoreScope serves \(http[^ ]*\) .*/\1/p' "$work/out") && [ -n "$url" ]; do
  i=$((i + 1)); [ $i -lt 600 ] || { cat "$work/log" >&2; exit 1; }; sleep 0.1
done
i=0
until "$binary" health --url "$url" >/dev/null 2>&1; do
  i=$((i + 1)); [ $i -lt 600 ] || { cat "$work/log" >&2; exit 1; }; sleep 0.1
done
# Planned operations are left out (they answer 501), the backup, which streams a whole database, and /readyz, which
# rightly says 503 when the ingestor that filled the database is gone.
"$venv/bin/schemathesis" run "$url/api/spec" --url "$url" --phases examples,coverage,fuzzing --mode all \
  --checks not_a_server_error,response_schema_conformance,content_type_conformance \
  -H 'X-API-Key: correct-horse-battery-staple' \
  --exclude-tag planned --exclude-path /api/backup --exclude-path /readyz --max-examples "${EXAMPLES:-8}" --seed 1 \
  --generation-deterministic --max-time "${SECONDS_MAX:-60}" --request-timeout 30 --no-color
