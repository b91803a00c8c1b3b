import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { ConfigurationError } from '../../../kernel/config/env.js'
import type { Manifest } from './manifest.js'
import { readManifest } from './read-manifest.js'

/**
 * Reads the file of UPSTREAMS_FILE. Paths in the file are relative to its folder.
 * @throws ConfigurationError with a line for each mistake: file, line, reason
 */
export function readManifestFile(file: string): Manifest {
  const { manifest, mistakes } = readManifest(textOf(file), (path) =>
    readFileSync(resolve(dirname(file), path), 'utf8'),
  )
  if (manifest !== undefined) return manifest
  throw new ConfigurationError(mistakes.map(({ line, reason }) => `${file}:${line}: ${reason}`).join('\n'))
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw new ConfigurationError(`UPSTREAMS_FILE: ${file} cannot be read`)
  }
}
