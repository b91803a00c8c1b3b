import { type Agent, request } from 'node:http'

export interface Ask {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** Sends a request and reads the response. @returns the latency, in milliseconds */
export function answer(url: string, agent: Agent, { method, path, headers, body }: Ask): Promise<number> {
  const began = performance.now()
  return new Promise((resolve, reject) => {
    const outgoing = request(url + path, { method, headers, agent }, (response) => {
      response
        .on('error', reject)
        .on('end', () => resolve(performance.now() - began))
        .resume()
    })
    outgoing.on('error', reject).end(body)
  })
}
