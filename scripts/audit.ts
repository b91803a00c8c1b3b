import { createReadStream } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'
import { type Verdict, verifyChain } from '../src/features/audit/chain.js'

const USAGE = 'usage: npm run audit -- verify FILE   (an NDJSON export of /v1/tenants/{tenant_id}/audit-events/export)'

/** Checks an export of audit events without the gateway, and prints what such a check cannot prove. */
async function main([command, file, ...more]: string[]): Promise<void> {
  if (command !== 'verify' || file === undefined || more.length > 0) throw new Error(USAGE)
  const verdict = await verifyChain(linesOf(file))
  if (!verdict.ok) throw new Error(`NOT INTACT${verdict.line > 0 ? ` at line ${verdict.line}` : ''}: ${verdict.reason}`)
  const { events, erased, first, last, is_whole } = verdict
  const proved = is_whole
    ? ['intact, from the first event on:', 'none of them is missing, changed, or out of order.']
    : ['intact as a piece:', `between these positions no line is missing, changed, or out of order.`]
  console.log(`${proved[0]} ${events} events, positions ${first} to ${last} of one chain; ${proved[1]}`)
  if (erased > 0)
    console.log(`${erased} of them are erased: the retention removed what they said, and recorded that it did.`)
  console.log('This does not prove:')
  for (const limit of limitsOf(verdict)) console.log(`- ${limit}`)
}

/** What a file alone cannot prove. */
function limitsOf({ erased, first, last, is_whole }: Extract<Verdict, { ok: true }>): string[] {
  const of_a_piece = [
    `anything about positions 1 to ${first - 1}: the end of the export may have been cut off`,
    `what the line of position ${first} says, for the hash that it was made from is not in the file`,
  ]
  return [
    ...(is_whole ? [] : of_a_piece),
    ...(erased === 0 ? [] : ['what the erased events said, and that they were old enough to be erased']),
    `that nothing follows position ${last}: compare it with the newest position that you noted elsewhere`,
    'that the owner of the database did not rewrite the whole chain: keep hashes in a place that the owner of the database cannot change',
    'that what was never recorded did not happen',
  ]
}

/** Reads the lines of a file. Each line must be complete. */
async function* linesOf(file: string): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  for await (const bytes of createReadStream(file)) {
    const lines = (rest + decoder.write(bytes as Buffer)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  rest += decoder.end()
  if (rest !== '') throw new Error('NOT INTACT: the file does not end with a whole line; the export was interrupted')
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
