#!/usr/bin/env bash
# PostgreSQL 17 (PGlite 0.3.14): a `jsonb` keeps a number as `numeric`, and writes it back with each of its digits and without an
# exponent. The JSON text `5e-324` has 6 characters. It comes back with 326, and a list of 2,000 of them, which are 14 KB of
# JSON, comes back as 656 KB. `json`, which keeps the text, returns what was stored.
# Who is bitten: whoever bounds a document by the length of its JSON before it is stored, as APIs with free-form metadata do. The
# bound holds for the writer, and each reader pays up to fifty times as much: the server, the network and the parser. A bound on
# nesting or on the number of members does not help, and a number is no reason for suspicion, because JavaScript writes
# small ones with an exponent by itself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @electric-sql/pglite@0.3.14 >/dev/null
cat >probe.mjs <<'JS'
import { PGlite } from '@electric-sql/pglite'

const db = await PGlite.create()
const { rows } = await db.query(`select current_setting('server_version_num')::int / 10000 as major`)
console.log('PostgreSQL', rows[0].major)
for (const [name, value] of [['one', 5e-324], ['two thousand', new Array(2_000).fill(5e-324)], ['half', 0.5]]) {
  const sent = JSON.stringify(value)
  for (const type of ['jsonb', 'json']) {
    const { rows: [row] } = await db.query(`select length(cast($1::text as ${type})::text) as length`, [sent])
    console.log(`${name} as ${type}: ${sent.length} characters in, ${row.length} out`)
  }
}
await db.close()
JS
node probe.mjs | tee out
diff out - <<'END'
PostgreSQL 17
one as jsonb: 6 characters in, 326 out
one as json: 6 characters in, 6 out
two thousand as jsonb: 14001 characters in, 656000 out
two thousand as json: 14001 characters in, 14001 out
half as jsonb: 3 characters in, 3 out
half as json: 3 characters in, 3 out
END
