#!/usr/bin/env bash
# @fastify/accept-negotiator 2.1.2, with which Fastify's plugins choose a content coding: a wildcard brings back what the same
# header refuses. For `br;q=0, *;q=0.5` a client accepts every coding but brotli (RFC 9110 section 12.5.3: `*` stands for the codings
# that are not named). The package returns `br`. It also does not find `GZIP`, although names of codings have no case (section 8.4.1).
# Who is bitten: a client that cannot read brotli and says so beside a wildcard, as a cache or a scanner does. It gets a body that it
# cannot read, and nothing in the header that it sent explains why.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @fastify/accept-negotiator@2.1.2 >/dev/null
cat >probe.cjs <<'JS'
const { negotiate } = require('@fastify/accept-negotiator')
for (const header of ['br;q=0', 'br;q=0, *;q=0.5', 'gzip', 'GZIP']) {
  console.log(`${header} -> ${negotiate(header, ['br', 'gzip'])}`)
}
JS
node probe.cjs | tee out
diff out - <<'END'
br;q=0 -> null
br;q=0, *;q=0.5 -> br
gzip -> gzip
GZIP -> null
END
