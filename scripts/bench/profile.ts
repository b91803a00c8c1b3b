import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Server } from './servers.js'

const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const LINES = 30

/** A profile of V8, as `--cpu-prof` writes it. Times are in µs, on the clock of `process.hrtime`. */
interface Profile {
  readonly startTime: number
  readonly nodes: readonly { readonly id: number; readonly callFrame: Frame }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

interface Frame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
  readonly columnNumber: number
}

/**
 * Profiles a gateway while it is loaded.
 *
 * @param start starts the program with these arguments
 * @returns lines of self time by module, the largest first
 */
export async function profileOf(
  start: (program: readonly string[]) => Promise<Server>,
  load: (server: Server) => Promise<unknown>,
): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-profile-'))
  try {
    const server = await start(['--cpu-prof', '--cpu-prof-dir', folder, PROGRAM])
    const from_us = nowUs()
    await load(server).finally(() => server.close())
    const [file] = readdirSync(folder)
    if (file === undefined) throw new Error('the gateway wrote no profile')
    return byModule(JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile, from_us)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const nowUs = () => Number(process.hrtime.bigint() / 1_000n)

function byModule({ nodes, samples, timeDeltas, startTime }: Profile, from_us: number): string[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const modules = new Map<string, number>()
  const maps = new Map<string, SourceMap | undefined>()
  let all_us = 0
  let at_us = startTime
  for (const [index, sample] of samples.entries()) {
    const frame = frames.get(sample)
    const self_us = timeDeltas[index] ?? 0
    at_us += self_us
    if (at_us < from_us || frame === undefined || frame.functionName === '(idle)') continue
    const name = moduleOf(frame, maps)
    modules.set(name, (modules.get(name) ?? 0) + self_us)
    all_us += self_us
  }
  return [...modules]
    .toSorted(([, left], [, right]) => right - left)
    .slice(0, LINES)
    .map(([name, us]) => `${((us / all_us) * 100).toFixed(1).padStart(5)} %  ${name}`)
}

/** The package, the file of this project, or the part of Node of a function. Compiled files are read with their maps. */
function moduleOf(
  { url, functionName, lineNumber, columnNumber }: Frame,
  maps: Map<string, SourceMap | undefined>,
): string {
  if (url === '') return functionName.startsWith('(') ? functionName : `native ${functionName}`
  if (!url.startsWith('file:')) return url
  const file = fileURLToPath(url)
  if (!maps.has(file)) maps.set(file, mapOf(file))
  const entry = maps.get(file)?.findEntry(lineNumber, columnNumber)
  const source = (entry !== undefined && 'originalSource' in entry ? entry.originalSource : undefined) ?? file
  const [, name] = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source) ?? []
  return name ?? source.replace(/^.*?(?=src\/|scripts\/)/, '')
}

function mapOf(file: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8')))
  } catch {
    return undefined
  }
}
