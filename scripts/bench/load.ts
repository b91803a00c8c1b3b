import autocannon from 'autocannon'

/** The request that is repeated. With a body it is a POST. */
export interface Wanted {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** The status of each response; any 2xx if not set. */
  readonly status?: number
}

export interface Measured {
  /** Responses per second. */
  readonly rate: number
  readonly p50_ms: number
  readonly p99_ms: number
  /** Responses in all. */
  readonly requests: number
}

/**
 * Loads a server for some seconds. Each connection sends the next request when it has the response.
 * @throws Error if a response has another status. Refusals are faster, so they would make the rate wrong.
 */
export async function load(
  url: string,
  { path, headers, body, status }: Wanted,
  { seconds, connections }: { seconds: number; connections: number },
  signal: AbortSignal,
): Promise<Measured> {
  signal.throwIfAborted()
  const running = autocannon({
    url: url + path,
    connections,
    duration: seconds,
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { method: 'POST', body }),
  })
  const stop = () => (running as unknown as { stop(): void }).stop()
  signal.addEventListener('abort', stop, { once: true })
  const { requests, latency, non2xx, errors, duration, statusCodeStats = {} } = await running
  signal.removeEventListener('abort', stop)
  signal.throwIfAborted()
  const expected = status === undefined ? requests.total - non2xx : (statusCodeStats[`${status}`]?.count ?? 0)
  if (expected < requests.total || errors > 0) {
    const statuses = Object.keys(statusCodeStats).join(' ')
    throw new Error(`${path}: only ${expected} of ${requests.total} had the status (${statuses}), ${errors} never came`)
  }
  return { rate: requests.total / duration, p50_ms: latency.p50, p99_ms: latency.p99, requests: requests.total }
}

/** Returns the median of each number over the rounds. */
export function medianOf(rounds: readonly Measured[]): Measured {
  const of = (name: keyof Measured) => median(rounds.map((round) => round[name]))
  return { rate: of('rate'), p50_ms: of('p50_ms'), p99_ms: of('p99_ms'), requests: of('requests') }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right)
  const middle = (sorted.length - 1) / 2
  return ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle)] as number)) / 2
}
