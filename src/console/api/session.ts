import { ApiProblem, problemOf } from './problem'
import { Tabs } from './tabs'
import { sessionIdOf, stored, type TokenResponse, type Tokens, tokensOf } from './tokens'

/** An access token that expires sooner than this is renewed before a request. */
const RENEW_BEFORE_MS = 30_000
/** A request, and the renewal of a token, end after this time without a response. */
const REQUEST_MS_MAX = 30_000

export type SessionState =
  | { readonly kind: 'starting' }
  /** `why` is the problem or the sentence that explains why a session ended. It is undefined for a new visitor. */
  | { readonly kind: 'signed_out'; readonly why?: ApiProblem | string }
  | { readonly kind: 'signed_in'; readonly user: Tokens['user'] }

/** The session of the user: who is signed in, and the tokens of their requests. */
class Session {
  #state: SessionState = { kind: 'starting' }
  #tokens: Tokens | undefined
  #renewing: Promise<void> | undefined
  readonly #listeners = new Set<() => void>()
  readonly #tabs = new Tabs({
    current: () => this.#tokens,
    onTokens: (tokens) => this.#hear(tokens),
    onEnded: (session_id) => {
      if (this.#tokens !== undefined && sessionIdOf(this.#tokens) === session_id) this.#end('Another tab signed out.')
    },
  })

  get state(): SessionState {
    return this.#state
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Continues the session of another tab, or the one that this tab had before a reload. */
  async start(): Promise<void> {
    await this.#tabs.ask(() => this.#tokens !== undefined)
    if (this.#tokens !== undefined) return
    const refresh = stored.read()
    if (refresh === undefined) return this.#change({ kind: 'signed_out' })
    try {
      await this.#renew(refresh)
    } catch (error) {
      // A network that fails ends no session: a reload tries again.
      if (this.#state.kind === 'starting') this.#change({ kind: 'signed_out', why: error as ApiProblem })
    }
  }

  /** @throws ApiProblem if the gateway refuses, TypeError if it does not answer */
  async signIn(email: string, password: string): Promise<void> {
    this.#take(await post<TokenResponse>('/v1/auth/login', { email, password }))
  }

  /** Revokes the session. This browser forgets its tokens even if the gateway does not answer. */
  async signOut(): Promise<void> {
    const tokens = this.#tokens
    if (tokens === undefined) return this.#end()
    const answered = await this.send(new Request('/v1/auth/logout', { method: 'POST' })).catch(() => undefined)
    this.#tabs.tellEnded(sessionIdOf(tokens))
    const is_revoked = answered?.ok || answered?.status === 401
    this.#end(
      is_revoked ? 'You are signed out.' : 'This browser forgot your session, but the gateway did not confirm its end.',
    )
  }

  /**
   * Sends a request with the access token. A token that expires soon is renewed first. After a 401 it is renewed once and
   * the request is sent again: that was refused, so it has changed nothing.
   *
   * @param ms_max undefined for a response without a limit of time, such as an export
   */
  send = async (request: Request, ms_max: number | undefined = REQUEST_MS_MAX): Promise<Response> => {
    const { access } = await this.#valid()
    const again = request.clone()
    const response = await sendWith(request, access, ms_max)
    if (response.status !== 401) return response
    const problem = await problemOf(response.clone())
    if (problem.body.code !== 'invalid_token') return response
    await this.#renewOnce(access)
    return sendWith(again, (await this.#valid()).access, ms_max)
  }

  async #valid(): Promise<Tokens> {
    if (this.#tokens !== undefined && this.#tokens.expires_at_ms - Date.now() < RENEW_BEFORE_MS) {
      await this.#renewOnce(this.#tokens.access)
    }
    if (this.#tokens === undefined) throw new Error('No user is signed in.')
    return this.#tokens
  }

  /** Renews the tokens, once for all requests that wait for it. @param access the token that must be replaced */
  #renewOnce(access: string): Promise<void> {
    if (this.#tokens?.access !== access) return Promise.resolve()
    const { refresh } = this.#tokens
    this.#renewing ??= this.#renew(refresh).finally(() => {
      this.#renewing = undefined
    })
    return this.#renewing
  }

  async #renew(refresh: string): Promise<void> {
    await this.#tabs.alone(async () => {
      // Another tab may have renewed it while this one waited.
      if (this.#tokens !== undefined && this.#tokens.refresh !== refresh) return
      try {
        this.#take(await post<TokenResponse>('/v1/auth/refresh', { refresh }))
      } catch (error) {
        if (error instanceof ApiProblem && error.body.status === 401) this.#end(error)
        throw error
      }
    })
  }

  #hear(tokens: Tokens): void {
    const is_own = this.#tokens !== undefined && sessionIdOf(tokens) === sessionIdOf(this.#tokens)
    if (is_own || this.#state.kind === 'starting') this.#keep(tokens)
  }

  #take(response: TokenResponse): void {
    const tokens = tokensOf(response, Date.now())
    this.#keep(tokens)
    this.#tabs.tellTokens(tokens)
  }

  #keep(tokens: Tokens): void {
    this.#tokens = tokens
    stored.write(tokens.refresh)
    this.#change({ kind: 'signed_in', user: tokens.user })
  }

  #end(why?: ApiProblem | string): void {
    this.#tokens = undefined
    stored.clear()
    this.#change(why === undefined ? { kind: 'signed_out' } : { kind: 'signed_out', why })
  }

  #change(state: SessionState): void {
    this.#state = state
    for (const listener of this.#listeners) listener()
  }
}

function sendWith(request: Request, access: string, ms_max: number | undefined): Promise<Response> {
  const headers = new Headers(request.headers)
  headers.set('authorization', `Bearer ${access}`)
  const signal = ms_max === undefined ? null : AbortSignal.timeout(ms_max)
  return fetch(new Request(request, { headers, signal }))
}

async function post<Answer>(path: string, body: unknown): Promise<Answer> {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(REQUEST_MS_MAX),
  })
  if (!response.ok) throw await problemOf(response)
  return (await response.json()) as Answer
}

export const session = new Session()
