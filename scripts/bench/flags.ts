import { parseArgs } from 'node:util'
import type { Flags, Suite } from './suite.js'
import { SUITES } from './suites.js'

export const USAGE = `usage: npm run bench -- [all | ${SUITES.map(({ name }) => name).join(' | ')}]... [--seconds N] [--rounds N] [--connections N] [--only TEXT] [--against COMMIT] [--profile]`

export interface Wish {
  readonly suites: readonly Suite[]
  /** The flags of the command line. Each suite has its own defaults for the others. */
  readonly flags: Partial<Flags>
}

/** @throws Error if the command line has an unknown flag or suite */
export function readArguments(): Wish {
  const text = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: text,
      rounds: text,
      connections: text,
      only: text,
      against: text,
      profile: { type: 'boolean' },
    },
  })
  const { only, against, profile, ...numbers } = values
  const flags = Object.entries(numbers).map(([name, value]) => [name, wholeNumber(name, value)])
  const others = Object.entries({ only, against, profile }).filter(([, value]) => value !== undefined)
  return { suites: suitesOf(positionals), flags: Object.fromEntries([...flags, ...others]) }
}

function wholeNumber(name: string, value: string | undefined): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name}: must be a whole number from 1 on`)
  return number
}

function suitesOf(names: readonly string[]): readonly Suite[] {
  const unknown = names.filter((name) => name !== 'all' && !SUITES.some((suite) => suite.name === name))
  if (unknown.length > 0) throw new Error(`there is no suite ${unknown.join(', ')}`)
  if (names.includes('all')) return SUITES
  return names.length === 0 ? [SUITES[0]] : SUITES.filter(({ name }) => names.includes(name))
}
