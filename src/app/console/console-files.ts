import { hash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'

/** The encodings that the build writes next to each file, the smallest first, with the ending of their files. */
const ENCODINGS = { br: '.br', gzip: '.gz' } as const
export type Encoding = keyof typeof ENCODINGS
export const ENCODING_NAMES = Object.keys(ENCODINGS) as Encoding[]

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** A file of the console, in each encoding that the build wrote. */
export interface ConsoleFile {
  readonly type: string
  readonly etag: string
  readonly content: Buffer
  readonly encoded: Partial<Readonly<Record<Encoding, Buffer>>>
}

/** Every file of the console by its path below `/console/`. */
export type ConsoleFiles = ReadonlyMap<string, ConsoleFile>

/**
 * Reads the built console into memory: requests without credentials get these files, so each response must be cheap. A build
 * that runs later does not change what a running gateway serves, so a page never gets files of two builds.
 *
 * @returns the files. The map is empty if the console was not built
 */
export function readConsoleFiles(folder: string): ConsoleFiles {
  const files = new Map<string, ConsoleFile>()
  if (!existsSync(join(folder, 'index.html'))) return files
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  for (const name of names) {
    const type = TYPES[extname(name)]
    if (type === undefined) continue
    const content = readFileSync(join(folder, name))
    const encoded: Partial<Record<Encoding, Buffer>> = {}
    for (const encoding of ENCODING_NAMES) {
      if (names.includes(name + ENCODINGS[encoding])) {
        encoded[encoding] = readFileSync(join(folder, name + ENCODINGS[encoding]))
      }
    }
    files.set(name, { type, etag: hash('sha256', content, 'base64url'), content, encoded })
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
