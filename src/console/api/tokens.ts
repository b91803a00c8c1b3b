/** The tokens of a session, as the gateway sends them. */
export interface Tokens {
  readonly access: string
  readonly refresh: string
  /** When the access token expires, on the clock of this machine. */
  readonly expires_at_ms: number
  readonly user: { readonly id: string; readonly email: string; readonly name: string; readonly is_operator: boolean }
}

export interface TokenResponse extends Omit<Tokens, 'expires_at_ms'> {
  readonly expires_in: number
}

export function tokensOf({ access, refresh, user, expires_in }: TokenResponse, now_ms: number): Tokens {
  return { access, refresh, user, expires_at_ms: now_ms + expires_in * 1_000 }
}

/** The id of the session that an access token belongs to. The gateway has verified the token, so it is only read here. */
export function sessionIdOf({ access }: Pick<Tokens, 'access'>): string {
  const [, payload = ''] = access.split('.')
  const { sid } = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))) as { sid: string }
  return sid
}

const STORED_AS = 'gatehouse.refresh'

/**
 * The refresh token of this tab. It survives a reload and ends with the tab. The access token is only in memory. See
 * docs/decisions/console-keeps-its-refresh-token-in-the-tab.md.
 */
export const stored = {
  read: (): string | undefined => sessionStorage.getItem(STORED_AS) ?? undefined,
  write: (refresh: string): void => sessionStorage.setItem(STORED_AS, refresh),
  clear: (): void => sessionStorage.removeItem(STORED_AS),
}
