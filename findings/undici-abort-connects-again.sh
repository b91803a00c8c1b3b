#!/usr/bin/env bash
# undici 7.30.2 (Node 20): a request that its caller aborts in the middle of the response costs the server two connections.
#
# The abort closes the connection of the request, as it must: more of the body could arrive on it. The client then opens
# another connection to the same origin at once, although no request waits. It stays open, idle, until the keep-alive
# timeout ends it. If the connection breaks for another reason, the client opens none.
#
# It surprises whoever forwards to a service that bounds its connections, such as a proxy in front of streams or long
# downloads: readers who come and go hold one idle place each for seconds, on a service that sees twice as many
# connections as requests. A workaround: a connector that keeps the socket, and an abort that destroys the socket with an
# error of its own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund undici@7.30.2
cat > check.mjs <<'JS'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { Client } from 'undici'

/** Counts the connections that a server gets when the only request of a client ends in the middle of its response. */
async function connectionsAfter(end) {
  let connections = 0
  const server = createServer((_request, response) => void response.writeHead(200, { 'content-length': 1_000_000 }).write('x'))
  server.on('connection', () => (connections += 1))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = new Client(`http://127.0.0.1:${server.address().port}`)
  const { body } = await client.request({ path: '/', method: 'GET' })
  body.on('error', () => undefined)
  await once(body, 'readable')
  const closed = once(client, 'disconnect')
  end(body, server)
  await closed
  // A connection that is opened at once arrives long before this.
  await new Promise((resolve) => setTimeout(resolve, 500))
  await client.destroy()
  server.closeAllConnections()
  server.close()
  return connections
}

const seen = {
  'the caller aborts': await connectionsAfter((body) => body.destroy()),
  'the server hangs up': await connectionsAfter((_body, server) => server.closeAllConnections()),
}
console.log(JSON.stringify(seen))
if (JSON.stringify(seen) !== JSON.stringify({ 'the caller aborts': 2, 'the server hangs up': 1 })) {
  console.error('The behaviour has changed.')
  process.exit(1)
}
JS
node check.mjs
