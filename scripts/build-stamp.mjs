// Knows whether dist is what a compilation of the present files would write, so that a start compiles only after a change.
// The stamp is the last file that a compilation writes and the first that it removes, so an interrupted one leaves none.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The name of the stamp in the folder of what was compiled. */
export const STAMP = '.stamp.json'

/** Files that decide what the compiler reads and how. npm writes the second one whenever it changes a package. */
const SETTINGS = ['package.json', 'node_modules/.package-lock.json', 'tsconfig.json', 'scripts/build.mjs']
/** A new file in these folders can be what an import means from now on. */
const SOURCE_FOLDERS = ['src', 'scripts']

/**
 * Returns why the files of a folder cannot be used as they are; undefined if they are current. Of a file with another
 * time of change but the same size, the contents decide: a checkout of another commit and back changes only the time.
 */
export function reasonToCompile(output) {
  const stamp = readStamp(output)
  if (stamp === undefined) return 'the first start of this clone'
  for (const [name, [size, time]] of Object.entries(stamp.outputs)) {
    const file = statusOf(join(output, name))
    if (file?.size !== size || file.mtimeMs !== time) return 'compiled files changed'
  }
  if (stamp.names !== namesOf(SOURCE_FOLDERS)) return 'files of the sources were added or removed'
  for (const [name, [size, time, digest]] of Object.entries(stamp.inputs)) {
    const file = statusOf(name)
    if (file?.size === size && file.mtimeMs === time) continue
    if (file?.size !== size || digestOf(name) !== digest) return `${name} changed`
  }
  return undefined
}

/** Removes the stamp, before the files of the folder change. */
export function removeStamp(output) {
  rmSync(join(output, STAMP), { force: true })
}

/**
 * Writes the stamp. A file that changed after the compiler began may have been read before or after the change, so there is
 * no stamp then, and the next start compiles again.
 *
 * @param inputs the files that the compiler read
 * @param started_ms when it began
 */
export function writeStamp(output, inputs, started_ms) {
  const stamp = { inputs: {}, names: namesOf(SOURCE_FOLDERS), outputs: {} }
  for (const name of new Set([...SETTINGS, ...inputs])) {
    const file = statusOf(name)
    if (file === undefined) continue
    if (file.mtimeMs >= started_ms) return
    stamp.inputs[name] = [file.size, file.mtimeMs, digestOf(name)]
  }
  for (const name of readdirSync(output)) {
    const file = statSync(join(output, name))
    if (file.isDirectory()) continue
    stamp.outputs[name] = [file.size, file.mtimeMs]
  }
  const written = join(output, `${STAMP}.new`)
  writeFileSync(written, JSON.stringify(stamp))
  renameSync(written, join(output, STAMP))
}

function readStamp(output) {
  try {
    return JSON.parse(readFileSync(join(output, STAMP), 'utf8'))
  } catch {
    return undefined
  }
}

function statusOf(name) {
  return statSync(name, { throwIfNoEntry: false })
}

function digestOf(name) {
  return createHash('sha256').update(readFileSync(name)).digest('base64url')
}

function namesOf(folders) {
  const names = folders.flatMap((folder) => readdirSync(folder, { recursive: true }).map((name) => join(folder, name)))
  return createHash('sha256').update(names.sort().join('\n')).digest('base64url')
}
