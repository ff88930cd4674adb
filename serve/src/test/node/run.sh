#!/usr/bin/env bash
# The npm client "openai" against engine.jar and the quickstart model. Leaves nothing behind.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../../.." && pwd)
for program in node npm; do
  command -v "$program" >/dev/null || { echo "skipped: the npm client is not asked: no $program"; exit 0; }
done
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
cp "$root"/serve/src/test/node/{package.json,check.js} "$work"
(cd "$work" && npm install --no-audit --no-fund --silent) ||
  { echo "skipped: the npm client is not asked: npm could not install it"; exit 0; }
cd "$root"
API_KEY=key java -jar engine.jar serve model_name_or_path=examples/quickstart-model/model template=chatml \
  api_model_name=quickstart api_port=0 >"$work/log" 2>&1 &
server=$!
for _ in $(seq 120); do
  url=$(sed -n 's|^serving  \(http://[^/]*\)/v1.*|\1|p' "$work/log")
  [ -n "$url" ] && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.5
done
[ -n "${url:-}" ] || { echo "the server did not start:" >&2; cat "$work/log" >&2; exit 1; }
node "$work/check.js" "$url"
