#!/usr/bin/env bash
# Fastify 5.12.8: the request target `*` (RFC 9112 section 3.2.4: the server as a whole, for OPTIONS only) is served by the route `/`.
# So `GET *` and `DELETE *`, which no client of a resource sends, get the response of `/` with its status. Without a route `/` they
# get 404, so that the behaviour of a server for `*` changes on the day on which it gets a front page. express 5.1.0 answers 404.
# Who is bitten: access logs and metrics that count such probes as visits of the front page, and tests which hold that an unknown
# target is 404.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts fastify@5.12.8 express@5.1.0 >/dev/null
cat >probe.mjs <<'JS'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import express from 'express'
import fastify from 'fastify'

async function statusOf(port, line) {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8')
  socket.write(`${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  let text = ''
  for await (const chunk of socket) text += chunk
  return text.split(' ')[1]
}
async function show(name, port) {
  for (const line of ['GET /', 'GET *', 'GET /*']) console.log(`${name}: ${line} ${await statusOf(port, line)}`)
}
const app = fastify()
app.get('/', async () => 'front page')
await app.listen({ port: 0, host: '127.0.0.1' })
await show('fastify', app.server.address().port)
await app.close()

const other = express()
other.get('/', (_request, response) => response.send('front page'))
const server = createServer(other).listen(0, '127.0.0.1')
await once(server, 'listening')
await show('express', server.address().port)
server.close()
JS
node probe.mjs | tee out
diff out - <<'END'
fastify: GET / 200
fastify: GET * 200
fastify: GET /* 404
express: GET / 200
express: GET * 404
express: GET /* 404
END
