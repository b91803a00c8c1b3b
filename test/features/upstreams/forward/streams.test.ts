import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { t } from '../../../helpers/t.js'
import { demoFolder, FILE_MS_MAX, readDemo, startGatewayProcess } from '../../../process/gateway-process.js'
import { everything, writeManifest } from '../behind-gateway.js'
import { startHostile } from './hostile.js'
import { GIGABYTE } from './hostile-answers.js'

t.setTimeout(FILE_MS_MAX)

const GROWTH_MIB_MAX = 50
const SAMPLE_MS = 50
const BLOCK = Buffer.alloc(262_144, 'u')

const hostile = await startHostile()
t.teardown(() => hostile.close())
const DATA_DIR = await demoFolder(t)
const gateway = await startGatewayProcess(t, { DATA_DIR, UPSTREAMS_FILE: writeManifest(t, everything(hostile.origin)) })
const demo = readDemo(DATA_DIR)
const headers = { 'x-tenant-id': `${demo.TENANT_ID}`, 'x-tenant-api-key': `${demo.TENANT_API_KEY}` }

t.test('the gateway streams a download of one gigabyte: its memory grows by less than 50 MiB', async (t) => {
  // These downloads warm the process up. Its heap grows to a size that any stream needs, and then stays there.
  for (let round = 0; round < 3; round += 1) await download('huge')
  const growth = await growthWhile(async () => t.equal(await download('gigabyte'), GIGABYTE))
  t.ok(growth < GROWTH_MIB_MAX, `${growth.toFixed(1)} MiB`)
})

t.test('the gateway streams an upload of one gigabyte: its memory grows by less than 50 MiB', async (t) => {
  for (let round = 0; round < 3; round += 1) await upload(GIGABYTE / 16)
  const growth = await growthWhile(async () => {
    const { sent_sha256, said } = await upload(GIGABYTE)
    t.match(said, { body_bytes: GIGABYTE, body_sha256: sent_sha256 })
  })
  t.ok(growth < GROWTH_MIB_MAX, `${growth.toFixed(1)} MiB`)
})

async function download(path: string): Promise<number> {
  const outgoing = httpRequest(`${gateway.url}/hostile/${path}`, { headers })
  outgoing.end()
  let bytes = 0
  for await (const chunk of await answerOf(outgoing)) bytes += chunk.length
  return bytes
}

async function upload(bytes: number) {
  const hash = createHash('sha256')
  const outgoing = httpRequest(`${gateway.url}/hostile/echo`, { method: 'POST', headers })
  const answer = answerOf(outgoing)
  const blocks = Readable.from(
    (function* () {
      for (let sent = 0; sent < bytes; sent += BLOCK.length) {
        hash.update(BLOCK)
        yield BLOCK
      }
    })(),
    { objectMode: false, highWaterMark: BLOCK.length },
  )
  await pipeline(blocks, outgoing)
  let text = ''
  for await (const chunk of await answer) text += chunk
  return { sent_sha256: hash.digest('hex'), said: JSON.parse(text) }
}

function answerOf(outgoing: ReturnType<typeof httpRequest>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => outgoing.once('response', resolve).once('error', reject))
}

/** Returns the largest growth of the process in MiB, above its size at the start. */
async function growthWhile(work: () => Promise<unknown>): Promise<number> {
  const before = residentMib()
  let most = before
  const sampling = setInterval(() => {
    most = Math.max(most, residentMib())
  }, SAMPLE_MS)
  await work().finally(() => clearInterval(sampling))
  return most - before
}

function residentMib(): number {
  // `env` has replaced itself with the gateway (`exec`), so the child is the gateway process.
  const { pid } = gateway.child
  const status = `/proc/${pid}/status`
  const kib = existsSync(status)
    ? /^VmRSS:\s+(\d+)/m.exec(readFileSync(status, 'utf8'))?.[1]
    : execFileSync('ps', ['-o', 'rss=', '-p', String(pid)])
  return Number(kib) / 1024
}
