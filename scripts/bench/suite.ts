/** How long and how hard a suite measures. A suite can have its own defaults. The command line overrides them. */
export interface Flags {
  readonly seconds: number
  readonly rounds: number
  readonly connections: number
  /** Only rows whose name contains this text. */
  readonly only: string
  /** A commit that the suite `cost` measures beside this one. */
  readonly against?: string
  /** Whether the suite `cost` prints where the CPU time goes. */
  readonly profile: boolean
}

export const DEFAULTS: Flags = { seconds: 5, rounds: 5, connections: 16, only: '', profile: false }

/** One row of the result. */
export interface Row {
  readonly name: string
  /** The measurements, in words and numbers. */
  readonly measured: string
  /** The number that the row is about. */
  readonly figure: number
  /** The unit of the figure, or `ratio` for two things that were measured side by side. */
  readonly unit: 'ratio' | 'µs' | 'ms' | '/s' | 'KiB' | 'MiB' | '%' | 'deliveries'
  /** The range in which the figure must be. Without a target, the row is only printed. */
  readonly target?: { readonly at_least?: number; readonly at_most?: number }
}

/** Rows that belong together. A new suite is a file and a line in suites.ts. */
export interface Suite {
  readonly name: string
  /** What the suite needs, such as `PostgreSQL`. It is printed next to an error. */
  readonly needs: string
  readonly defaults?: Partial<Flags>
  /** Yields each row as soon as it is measured. At its end, also after an error, it closes everything that it opened. */
  run(flags: Flags, signal: AbortSignal): AsyncIterable<Row>
}

export function isMissed({ figure, target = {} }: Row): boolean {
  const { at_least = Number.NEGATIVE_INFINITY, at_most = Number.POSITIVE_INFINITY } = target
  return !(figure >= at_least && figure <= at_most)
}

/** Formats a row: `name  measurements | ratio 0.52 (at least 0.45)`. */
export function written(row: Row): string {
  const { name, measured, figure, unit, target } = row
  const number = figure.toFixed(2)
  const wanted = [
    ...(target?.at_least === undefined ? [] : [`at least ${target.at_least}`]),
    ...(target?.at_most === undefined ? [] : [`at most ${target.at_most}`]),
  ]
  const held = wanted.length === 0 ? '' : ` (${isMissed(row) ? 'MISSED: ' : ''}${wanted.join(', ')})`
  return `${name}  ${measured} | ${unit === 'ratio' ? `ratio ${number}` : `${number} ${unit}`}${held}`
}
