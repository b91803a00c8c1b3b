/** How long and how hard a suite measures. A suite may have defaults of its own; what the command line says wins. */
export interface Flags {
  readonly seconds: number
  readonly rounds: number
  readonly connections: number
  /** Only the rows whose name holds this text. */
  readonly only: string
}

export const DEFAULTS: Flags = { seconds: 5, rounds: 5, connections: 16, only: '' }

/** One line of the outcome. */
export interface Row {
  readonly name: string
  /** What was seen, in words and numbers. */
  readonly measured: string
  /** The one number that the row is about. */
  readonly figure: number
  /** What the figure is: `ratio` of two things measured side by side, or a unit. */
  readonly unit: 'ratio' | 'µs' | 'ms' | '/s' | 'KiB' | 'MiB' | '%' | 'deliveries'
  /** Where the figure has to be; without one, it is only printed. */
  readonly target?: { readonly at_least?: number; readonly at_most?: number }
}

/** Rows that belong together. Adding one is a file with a suite, and its line in suites.ts. */
export interface Suite {
  readonly name: string
  /** What must be there before it is run: `PostgreSQL`. Whoever has not got it reads this beside the error. */
  readonly needs: string
  readonly defaults?: Partial<Flags>
  /** Gives each row as soon as it is measured. Whatever it opened is closed when it ends, however it ends. */
  run(flags: Flags, signal: AbortSignal): AsyncIterable<Row>
}

export function isMissed({ figure, target = {} }: Row): boolean {
  const { at_least = Number.NEGATIVE_INFINITY, at_most = Number.POSITIVE_INFINITY } = target
  return !(figure >= at_least && figure <= at_most)
}

/** `name  what was seen | ratio 0.52 (at least 0.45)` */
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
