/** The methods that the gateway explains. */
export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
export type Method = (typeof METHODS)[number]

/** The question of the page in its URL: a request id alone, or a request. Without user and key, it is about the signed-in user. */
export interface WhySearch {
  readonly user_id?: string
  readonly key_id?: string
  readonly method?: Method
  readonly path?: string
  readonly address?: string
  readonly origin?: string
  readonly request_id?: string
}

/** Reads the question from a URL, which somebody may have written by hand. The gateway checks the values. */
export function readWhySearch(search: Record<string, unknown>): WhySearch {
  const text = (name: string) => (typeof search[name] === 'string' && search[name] !== '' ? search[name] : undefined)
  const question: Record<keyof WhySearch, string | undefined> = {
    user_id: text('user_id'),
    key_id: text('key_id'),
    method: METHODS.find((method) => method === search.method),
    path: text('path'),
    address: text('address'),
    origin: text('origin'),
    request_id: text('request_id'),
  }
  return Object.fromEntries(Object.entries(question).filter(([, value]) => value !== undefined)) as WhySearch
}
