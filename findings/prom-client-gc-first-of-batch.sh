#!/usr/bin/env bash
# prom-client 15.1.3 (Node 20): `nodejs_gc_duration_seconds` counts only the first garbage collection of each report.
#
# Node reports garbage collections to a PerformanceObserver in batches: while the event loop is busy, the entries of all
# collections wait, and the observer gets them in one list. The default metric reads only the first entry of the list. So
# the busier the process, the more collections are missing from the histogram: the count is lowest in the moments for which
# somebody looks at it.
#
# It surprises operators who read a falling count as less garbage, or who add the sums up to the share of time that the
# process spends in collections.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund prom-client@15.1.3
cat > check.mjs <<'JS'
import { constants, PerformanceObserver } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import client from 'prom-client'

const FORCED = 20
let observed = 0
const own = new PerformanceObserver((list) => {
  observed += list.getEntries().filter(({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR).length
})
own.observe({ entryTypes: ['gc'] })
client.collectDefaultMetrics()

// One turn of the event loop with many collections, as a busy process has it.
for (let each = 0; each < FORCED; each += 1) globalThis.gc()
await sleep(200)

const { values } = await client.register.getSingleMetric('nodejs_gc_duration_seconds').get()
const counted = values
  .filter(({ metricName, labels }) => metricName.endsWith('_count') && labels.kind === 'major')
  .reduce((sum, { value }) => sum + value, 0)
console.log(`${observed} major collections seen by an observer, ${counted} in nodejs_gc_duration_seconds`)
if (observed < FORCED || counted !== 1) {
  console.error('The behaviour has changed.')
  process.exit(1)
}
JS
node --expose-gc check.mjs
