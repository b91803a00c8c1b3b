#!/usr/bin/env bash
# @redis/client 6.3.1: `commandOptions: { timeout }` ends only a command that is still in the queue of the client. A command that
# was written to the socket waits for as long as the server is silent. So with a timeout of 100 ms, and a Redis that has
# stopped for 1.5 s (a virtual machine that is moved, a SIGSTOP, a long Lua script), every command takes 1.5 s, and none fails.
# `disableOfflineQueue` does not change that. ioredis 6.0.0 with `commandTimeout: 100` rejects them after 100 ms.
# Who is bitten: whoever sets the option to bound the time of a request, and tests it against a server that refuses
# connections, where it seems to work. A timer of one's own around each command bounds both.
# Needs redis-server.
set -euo pipefail
folder=$(mktemp -d)
port=$((20000 + RANDOM % 20000))
redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$folder" >/dev/null &
server=$!
trap 'kill -CONT $server 2>/dev/null; kill -9 $server 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @redis/client@6.3.1 ioredis@6.0.0 >/dev/null
until redis-cli -p "$port" ping >/dev/null 2>&1; do sleep 0.1; done
cat >probe.mjs <<'JS'
import { createClient } from '@redis/client'
import { Redis } from 'ioredis'
const [port, pid] = process.argv.slice(2).map(Number)
const one = createClient({
  url: `redis://127.0.0.1:${port}`,
  disableOfflineQueue: true,
  commandOptions: { timeout: 100 },
})
one.on('error', () => undefined)
const other = new Redis(port, '127.0.0.1', { commandTimeout: 100, maxRetriesPerRequest: 0, enableOfflineQueue: false, lazyConnect: true })
other.on('error', () => undefined)
await one.connect()
await other.connect()
process.kill(pid, 'SIGSTOP')
setTimeout(() => process.kill(pid, 'SIGCONT'), 1500)
const timed = async (name, command) => {
  const began = performance.now()
  const outcome = await command.then(() => 'answered', () => 'failed')
  return `${name} ${outcome} after ${performance.now() - began < 1000 ? 'less' : 'more'} than 1 s`
}
const lines = await Promise.all([timed('@redis/client', one.set('a', '1')), timed('ioredis', other.set('b', '1'))])
console.log(lines.join('\n'))
process.exit()
JS
seen=$(node probe.mjs "$port" "$server")
echo "$seen"
[[ $seen == $'@redis/client answered after more than 1 s\nioredis failed after less than 1 s' ]]
