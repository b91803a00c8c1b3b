// Compiles the gateway, its commands and the console to dist if a file that they are made of has changed: a few files, with
// the packages that they use, because loading 2,300 files takes longer than everything else that a start does. Types are checked by `npm run typecheck` and by the tests.
// Only one process compiles at a time: a second `npm start` in the same clone would otherwise write the files that the first
// one is loading.
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { reasonToCompile, removeStamp, writeStamp } from './build-stamp.mjs'

const OUTPUT = 'dist'
/** The gateway, and the commands for which package.json has a script. */
const ENTRIES = [
  'src/main.ts',
  ...['audit', 'migrate', 'openapi', 'operator', 'upstreams'].map((name) => `scripts/${name}.ts`),
]
/** They have files beside their code: a compiled library, the embedded database, and the pages of the API reference. */
const NOT_BUNDLED = ['argon2', '@electric-sql/pglite', '@fastify/swagger-ui', 'pg-native']
/** The folder of the console in the output, which another builder fills. */
const CONSOLE = 'console'
const LOCK = '.build-lock'
const WAIT_MS = 100
const WAIT_MS_MAX = 300_000

process.exitCode = await main()

async function main() {
  if (!(await lock())) {
    process.stderr.write(`another process has been compiling for ${WAIT_MS_MAX / 60_000} minutes: ${LOCK} names it\n`)
    return 1
  }
  try {
    // The process that had the lock may have compiled the same files.
    return reasonToCompile(OUTPUT) === undefined || (await buildAll()) ? 0 : 1
  } finally {
    rmSync(LOCK, { force: true })
  }
}

/** @returns whether everything could be compiled. The compilers have told of errors. */
async function buildAll() {
  const started_ms = Date.now()
  const [inputs, inputs_of_console] = await Promise.all([compile(), buildConsole()])
  if (inputs === undefined || inputs_of_console === undefined) return false
  writeStamp(OUTPUT, [...inputs, ...inputs_of_console], started_ms)
  return true
}

/** @returns the files that the compiler read; undefined if they could not be compiled */
async function compile() {
  // The compiler runs for a second, and collecting garbage takes a fifth of its CPU time.
  process.env.GOGC ??= '400'
  const { build } = await import('esbuild')
  const compiled = await build({
    entryPoints: ENTRIES.filter((file) => existsSync(file)),
    outdir: OUTPUT,
    entryNames: '[name]',
    // The parts that several of them load are files of their own.
    splitting: true,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    mainFields: ['module', 'main'],
    external: NOT_BUNDLED,
    // Packages in the older form of modules ask for modules of Node.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    sourcemap: true,
    sourcesContent: false,
    metafile: true,
    write: false,
    logLevel: 'error',
  }).catch((error) => {
    // The compiler has told of mistakes in the sources, and of nothing else.
    if (error.errors === undefined) process.stderr.write(`the compiler does not run: ${error.message}\n`)
  })
  if (compiled === undefined) return undefined
  mkdirSync(OUTPUT, { recursive: true })
  removeStamp(OUTPUT)
  for (const { path, contents } of compiled.outputFiles) {
    if (existsSync(path) && readFileSync(path).equals(contents)) continue
    // Renamed, because a process may be loading the file.
    const written = `${path}.new`
    writeFileSync(written, contents)
    renameSync(written, path)
  }
  const current = new Set([...compiled.outputFiles.map(({ path }) => basename(path)), CONSOLE, `${CONSOLE}.new`])
  for (const name of readdirSync(OUTPUT)) if (!current.has(name)) rmSync(join(OUTPUT, name), { recursive: true })
  return Object.keys(compiled.metafile.inputs)
}

/** Builds the pages of the console. @returns the files that they are made of; undefined if they could not be built */
async function buildConsole() {
  if (!existsSync('src/console')) return []
  const builder = await import('./build-console.mjs')
  return (await builder.buildConsole(join(OUTPUT, CONSOLE))) ? builder.consoleInputs() : undefined
}

/** Waits until no other process compiles. The lock is a file with the id of the process that compiles. */
async function lock() {
  const until_ms = Date.now() + WAIT_MS_MAX
  let is_told = false
  while (!created()) {
    if (Date.now() > until_ms) return false
    // A process that was killed has left its lock behind.
    if (existsSync(LOCK) && !isRunning(ownerOf())) {
      rmSync(LOCK, { force: true })
      continue
    }
    if (!is_told) process.stderr.write('another process is compiling in this folder; waiting for it\n')
    is_told = true
    await sleep(WAIT_MS)
  }
  return true
}

function created() {
  try {
    const file = openSync(LOCK, 'wx')
    writeSync(file, String(process.pid))
    closeSync(file)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    return false
  }
}

/** The process that compiles; undefined if it has just created the file, or removed it. */
function ownerOf() {
  try {
    return Number(readFileSync(LOCK, 'utf8')) || undefined
  } catch {
    return undefined
  }
}

function isRunning(pid) {
  if (pid === undefined) return true
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
