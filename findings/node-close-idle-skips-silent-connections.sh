#!/usr/bin/env bash
# Node's http.Server.closeIdleConnections() closes a connection that has had a response and waits for the next request. It
# leaves a connection on which the client has not sent anything yet: that one counts as busy. Fastify's close() relies on the
# method, so it stays pending for as long as such a client stays connected. Browsers and connection pools open connections in
# advance, so this bites whoever stops a server gracefully: the stop lasts until a time-out, for no request at all.
# Seen with Node 20.20.2 and fastify 5.12.8: with a used keep-alive connection close() ends within 1 s, with a silent one it is
# still pending after 3 s, and it ends when the client hangs up.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund fastify@5.12.8
cat >silent.mjs <<'JS'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import fastify from 'fastify'

async function closing(is_silent) {
  const app = fastify()
  app.get('/', async () => 'hello')
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const accepted = once(app.server, 'connection')
  const socket = connect(Number(port), '127.0.0.1')
  await Promise.all([once(socket, 'connect'), accepted])
  if (!is_silent) {
    socket.write('GET / HTTP/1.1\r\nHost: example\r\n\r\n')
    await once(socket, 'data')
  }
  socket.on('error', () => undefined)
  const closed = app.close().then(() => 'closed')
  const outcome = await Promise.race([closed, sleep(is_silent ? 3_000 : 1_000, 'pending')])
  socket.destroy()
  await closed
  return outcome
}

console.log(`used: ${await closing(false)}`)
console.log(`silent: ${await closing(true)}`)
JS
seen=$(node silent.mjs)
printf '%s\n' "$seen"
[ "$seen" = $'used: closed\nsilent: pending' ]
