import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { CODINGS, type Coding, type Representation, representation } from '../../kernel/pages/representation.js'

/** The endings of the compressed files that the build writes next to each file. */
const ENDINGS: Readonly<Record<Coding, string>> = { br: '.br', gzip: '.gz' }

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Every file of the console by its path below `/console/`. */
export type ConsoleFiles = ReadonlyMap<string, Representation>

/**
 * Reads the built console into memory: requests without credentials get these files, so each response must be cheap. A build
 * that runs later does not change what a running gateway serves, so a page never gets files of two builds.
 *
 * @returns the files. The map is empty if the console was not built
 */
export function readConsoleFiles(folder: string): ConsoleFiles {
  const files = new Map<string, Representation>()
  if (!existsSync(join(folder, 'index.html'))) return files
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  for (const name of names) {
    const type = TYPES[extname(name)]
    if (type === undefined) continue
    const compressed = CODINGS.filter((coding) => names.includes(name + ENDINGS[coding])).map((coding) => [
      coding,
      readFileSync(join(folder, name + ENDINGS[coding])),
    ])
    files.set(name, representation(type, readFileSync(join(folder, name)), Object.fromEntries(compressed)))
  }
  return files
}

/** The folder of the built console: next to the compiled gateway, or in the project that these sources belong to. */
export function consoleFolder(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return join(folder, 'dist/console')
  }
  return join(import.meta.dirname, 'console')
}
