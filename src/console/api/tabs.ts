import type { Tokens } from './tokens'

const CHANNEL = 'gatehouse.session'
const REFRESH_LOCK = 'gatehouse.refresh'
/** How long a new tab waits for the tokens of another one. */
const ASK_MS = 150

type TabMessage =
  | { readonly kind: 'ask' }
  | { readonly kind: 'tokens'; readonly tokens: Tokens }
  | { readonly kind: 'ended'; readonly session_id: string }

export interface TabListener {
  /** The tokens of this tab, for a tab that asks. */
  current(): Tokens | undefined
  onTokens(tokens: Tokens): void
  onEnded(session_id: string): void
}

/**
 * The other tabs of this browser. They share one session: a refresh token works once, so a tab that renews it must give
 * the new one to the others, also to a copy of this tab, which began with the same token.
 */
export class Tabs {
  readonly #channel = new BroadcastChannel(CHANNEL)

  constructor(listener: TabListener) {
    this.#channel.addEventListener('message', ({ data }: MessageEvent<TabMessage>) => {
      if (data.kind === 'tokens') listener.onTokens(data.tokens)
      else if (data.kind === 'ended') listener.onEnded(data.session_id)
      else {
        const tokens = listener.current()
        if (tokens !== undefined) this.#post({ kind: 'tokens', tokens })
      }
    })
  }

  /** Asks for the session of another tab, and waits until `isAnswered` or for a short time. */
  async ask(isAnswered: () => boolean): Promise<void> {
    this.#post({ kind: 'ask' })
    for (let waited_ms = 0; waited_ms < ASK_MS && !isAnswered(); waited_ms += 10) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  tellTokens(tokens: Tokens): void {
    this.#post({ kind: 'tokens', tokens })
  }

  tellEnded(session_id: string): void {
    this.#post({ kind: 'ended', session_id })
  }

  /**
   * Runs a refresh while no other tab does. Without TLS a browser has no locks. Then two tabs may send the same token, which
   * the gateway answers with the same successor for 10 s.
   */
  async alone(refresh: () => Promise<void>): Promise<void> {
    if (!('locks' in navigator)) return refresh()
    await navigator.locks.request(REFRESH_LOCK, refresh)
  }

  #post(message: TabMessage): void {
    this.#channel.postMessage(message)
  }
}
