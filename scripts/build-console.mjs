// Builds the console (src/console) into a folder, if one of its inputs has changed since the last build. Each file gets a
// copy in each encoding that the gateway sends, because compressing it at each request would cost more than the request.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

const SOURCES = 'src/console'
/** The declarations of the API have no code, so they are no input. */
const NO_INPUT = /(^|\/)(schema\.d\.ts|tsconfig\.json)$/
/** What else decides about the result: the versions of the packages, and this file. */
const OTHER_INPUTS = ['package-lock.json', 'scripts/build-console.mjs']
const STAMP = '.inputs'
const COMPRESSED = new Set(['.js', '.css', '.html', '.svg'])
/** A shorter text becomes longer, or hardly shorter. The gateway sends it as it is: src/kernel/pages/representation.ts. */
const COMPRESSED_BYTES_MIN = 1_024

/** @returns whether the console is built. The bundler has told of errors */
export async function buildConsole(folder) {
  const inputs = digestOfInputs()
  if (existsSync(join(folder, STAMP)) && readFileSync(join(folder, STAMP), 'utf8') === inputs) return true
  const next = `${folder}.new`
  rmSync(next, { recursive: true, force: true })
  // Loaded here, because loading the bundler takes longer than finding out that nothing has changed.
  const { build } = await import('vite')
  try {
    await build({ configFile: join(SOURCES, 'vite.config.ts'), build: { outDir: join(process.cwd(), next) } })
  } catch (error) {
    process.stderr.write(`the console does not build: ${error.message}\n`)
    return false
  }
  await compress(next)
  writeFileSync(join(next, STAMP), inputs)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, '..'), { recursive: true })
  renameSync(next, folder)
  return true
}

/** Returns the files that the console is made of. */
export function consoleInputs() {
  const sources = readdirSync(SOURCES, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !NO_INPUT.test(file))
  return [...sources.sort(), ...OTHER_INPUTS.filter((file) => existsSync(file))]
}

function digestOfInputs() {
  const digest = createHash('sha256')
  for (const file of consoleInputs()) {
    digest.update(`${file}\0`).update(readFileSync(file)).update('\0')
  }
  return digest.digest('hex')
}

async function compress(folder) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    COMPRESSED.has(extname(name)),
  )
  await Promise.all(
    files.map(async (name) => {
      const content = readFileSync(join(folder, name))
      if (content.length < COMPRESSED_BYTES_MIN) return
      const params = { [constants.BROTLI_PARAM_SIZE_HINT]: content.length }
      writeFileSync(join(folder, `${name}.br`), await promisify(brotliCompress)(content, { params }))
      writeFileSync(join(folder, `${name}.gz`), await promisify(gzip)(content, { level: constants.Z_BEST_COMPRESSION }))
    }),
  )
}
