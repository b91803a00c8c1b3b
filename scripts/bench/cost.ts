import { generateSigningKeys } from '../../src/kernel/config/secrets.js'
import { buildCommit } from './builds.js'
import { costInWords, cpuSideBySide } from './cpu.js'
import { load, type Wanted } from './load.js'
import { writeManifest } from './manifest.js'
import { Opened } from './opened.js'
import { profileOf } from './profile.js'
import { openScratch, pinBackends } from './scratch.js'
import { type Server, startBehind, startGateway, startScript } from './servers.js'
import type { Side } from './side-by-side.js'
import type { Flags, Row, Suite } from './suite.js'
import { buildWorld, type World } from './world.js'

const LIST = '/v1/customers?limit=20'
/** Both gateways accept the same tokens, so their issuer has one name. The log is that of production. */
const VARIABLES = { PUBLIC_URL: 'http://gateway.bench', LOG_LEVEL: 'info' }

/** A request to the gateway, and what the bare server gets instead. */
interface Work extends Wanted {
  readonly name: string
  readonly bare: Partial<Wanted>
  readonly of: 'tables' | 'proxy'
  readonly at_least: number
  readonly connections?: number
}

/** CPU time of the server for one request, beside bare servers that do the same work without checks. */
export const cost: Suite = {
  name: 'cost',
  needs: 'PostgreSQL, and git for --against',
  async *run(flags, signal) {
    const opened = new Opened()
    try {
      const scratch = opened.add(await openScratch())
      const origin = opened.add(await startBehind('proxies/origin.ts', {}))
      const manifest = opened.add(writeManifest(origin.url))
      const env = { ...VARIABLES, JWT_SIGNING_KEYS: generateSigningKeys(), UPSTREAMS_FILE: manifest.file }
      const gateway = opened.add(await startGateway(scratch.gateway_url, env))
      const tables = opened.add(await startScript('bare.ts', { DATABASE_URL: scratch.owner_url }))
      const proxy = opened.add(await startScript('proxies/http-proxy.ts', { ORIGIN: origin.url }))
      const before =
        flags.against === undefined ? undefined : await startCommit(flags.against, opened, scratch.gateway_url, env)
      const world = await buildWorld(scratch, gateway.url)
      for (const work of worksOf(world).filter(({ name }) => name.includes(flags.only))) {
        await sendAnswer(work, gateway, tables)
        const connections = work.connections ?? flags.connections
        const ours = { ...work, server: gateway }
        const bare = { ...work, ...work.bare, server: work.of === 'tables' ? tables : proxy }
        const measure = async (theirs: Side) => {
          for (const side of [ours, theirs]) await load(side.server.url, side, { seconds: 1, connections }, signal)
          await pinBackends(scratch.owner_url)
          return cpuSideBySide([ours, theirs], { ...flags, connections }, signal)
        }
        yield rowOf(`${work.name} / bare`, 'bare', await measure(bare), work.at_least)
        if (before !== undefined)
          yield rowOf(`${work.name} / ${flags.against}`, 'before', await measure({ ...work, server: before }), 0.98)
        if (flags.profile) await profile(work, scratch.gateway_url, env, { ...flags, connections }, signal)
      }
    } finally {
      await opened.close()
    }
  },
}

function rowOf(
  name: string,
  other: string,
  { ours, theirs, ratio, rate_ratio }: Awaited<ReturnType<typeof cpuSideBySide>>,
  at_least: number,
): Row {
  return {
    name,
    measured: `gateway ${costInWords(ours)} | ${other} ${costInWords(theirs)} | ratio of rates ${rate_ratio.toFixed(2)}`,
    figure: ratio,
    unit: 'ratio',
    target: { at_least },
  }
}

async function startCommit(
  commit: string,
  opened: Opened,
  database_url: string,
  env: Readonly<Record<string, string>>,
): Promise<Server> {
  const build = opened.add(buildCommit(commit))
  return opened.add(await startGateway(database_url, env, [build.program]))
}

function worksOf({ user }: World): readonly Work[] {
  const { authorization: _user, ...key } = user
  const body = JSON.stringify({ name: 'Ada Adeyemi', tags: ['vip'], metadata: { city: 'Oslo', orders: 3 } })
  const create = { path: '/v1/customers', headers: user, body, bare: {}, of: 'tables', at_least: 0.6 } as const
  // Writes are last, because they add rows to the lists.
  return [
    { name: `GET ${LIST}`, path: LIST, headers: user, bare: {}, of: 'tables', at_least: 1.1 },
    { name: 'forwarded GET', path: '/bench/items', headers: user, bare: {}, of: 'proxy', at_least: 1 },
    { name: 'GET /v1/access', path: '/v1/access', headers: user, bare: {}, of: 'tables', at_least: 0.5 },
    {
      name: '403 insufficient_scope',
      path: LIST,
      headers: key,
      status: 403,
      bare: { path: '/refused' },
      of: 'tables',
      at_least: 0.45,
    },
    { name: 'POST /v1/customers', ...create },
    { name: 'POST /v1/customers, 64 connections', ...create, connections: 64 },
  ]
}

/** Gives the bare server the response of the gateway, so that its own has the same size. */
async function sendAnswer(
  { path, headers, body, bare, status, of }: Work,
  gateway: Server,
  tables: Server,
): Promise<void> {
  if (of !== 'tables' || body !== undefined || (status === undefined && path === LIST)) return
  const answer = await fetch(gateway.url + path, { headers })
  const sent = await fetch(`${tables.url}/access`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: await answer.text(),
  })
  if (!sent.ok) throw new Error(`${bare.path ?? path}: ${sent.status}`)
}

/** Loads a gateway of its own, which writes a profile when it stops, and prints where the time went. */
async function profile(
  work: Work,
  database_url: string,
  env: Readonly<Record<string, string>>,
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const lines = await profileOf(
    (program) => startGateway(database_url, env, program),
    (server) => load(server.url, work, { seconds: flags.seconds, connections: flags.connections }, signal),
  )
  for (const line of lines) console.log(`  ${line}`)
}
