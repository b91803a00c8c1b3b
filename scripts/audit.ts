import { readFileSync } from 'node:fs'
import { type ChainedEvent, verifyChain } from '../src/audit/chain.js'

const USAGE = 'usage: npm run audit -- verify FILE   (an NDJSON export of /v1/tenants/{tenant_id}/audit-events/export)'

/** Checks an export of audit events without the gateway, and says plainly what that does not prove. */
function main([command, file]: string[]): void {
  if (command !== 'verify' || file === undefined) throw new Error(USAGE)
  const verdict = verifyChain(readEvents(file))
  if (!verdict.ok) throw new Error(`NOT INTACT at position ${verdict.at}: ${verdict.reason}`)
  console.log(
    `intact: ${verdict.events} events, positions ${verdict.first} to ${verdict.last} of one chain, none missing or changed`,
  )
  console.log('This does not prove:')
  if (!verdict.is_whole)
    console.log(
      `- anything about positions 1 to ${verdict.first - 1}, which are not in the file, nor about what the first line says`,
    )
  console.log(
    `- that nothing follows position ${verdict.last}: compare it with the newest position that you noted elsewhere`,
  )
  console.log(
    '- that the chain was not written anew as a whole by whoever owns the database: keep hashes in a place that they do not own',
  )
  console.log('- that what was never recorded did not happen')
}

function readEvents(file: string): ChainedEvent[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  if (lines.pop() !== '')
    throw new Error('NOT INTACT: the file does not end with a whole line; the export was interrupted')
  return lines.map((line, position) => {
    try {
      return JSON.parse(line) as ChainedEvent
    } catch {
      throw new Error(`NOT INTACT: line ${position + 1} is not JSON`)
    }
  })
}

try {
  main(process.argv.slice(2))
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
