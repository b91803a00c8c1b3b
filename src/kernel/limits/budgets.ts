/**
 * Every budget: its name, its size, what it is counted by, and why. Nothing else in the product holds such a number.
 *
 * A budget is `quota` requests in `window_seconds`, counted in fixed windows that begin with the first request. Each
 * can be set as `<requests>/<seconds>` in the environment variable named here.
 */
export interface BudgetDefault {
  readonly variable: string
  readonly quota: number
  readonly window_seconds: number
  readonly counted_by: string
  readonly reason: string
}

export const BUDGETS = {
  address: {
    variable: 'BUDGET_ADDRESS',
    quota: 6000,
    window_seconds: 60,
    counted_by: 'client address (IPv6 by /64)',
    reason: 'A wall against floods before anything costs CPU. It is wide: one server may speak for a whole tenant.',
  },
  refused: {
    variable: 'BUDGET_REFUSED',
    quota: 120,
    window_seconds: 60,
    counted_by: 'client address, refused credentials only',
    reason: 'Guessing keys and tokens stops early; nobody who holds good credentials comes near it.',
  },
  login_address: {
    variable: 'BUDGET_LOGIN_ADDRESS',
    quota: 10,
    window_seconds: 60,
    counted_by: 'client address, logins',
    reason: 'Every login costs a password hash. A person needs one.',
  },
  login_account: {
    variable: 'BUDGET_LOGIN_ACCOUNT',
    quota: 10,
    window_seconds: 3600,
    counted_by: 'account, failed logins',
    reason: 'NIST SP 800-63B 5.2.2 bounds failed tries. Beyond it tries are delayed, never locked out for good.',
  },
  login_new_place: {
    variable: 'BUDGET_LOGIN_NEW_PLACE',
    quota: 100,
    window_seconds: 3600,
    counted_by: 'account, failed logins during a pause from networks that had not failed on it',
    reason:
      'A user on a new network gets in during a pause that somebody else caused. To use this up takes a hundred networks, and NIST SP 800-63B 5.2.2 takes a hundred failures to be too many.',
  },
  tenant: {
    variable: 'BUDGET_TENANT',
    quota: 1000,
    window_seconds: 60,
    counted_by: 'tenant id, unless its plan says otherwise',
    reason: 'One tenant must not be able to use up the service of the others.',
  },
  key: {
    variable: 'BUDGET_KEY',
    quota: 0,
    window_seconds: 60,
    counted_by: 'tenant key id; 0 means none unless the key itself says',
    reason: 'An owner may hold one integration to less than the whole budget of the tenant.',
  },
  invitations: {
    variable: 'BUDGET_INVITATIONS',
    quota: 100,
    window_seconds: 3600,
    counted_by: 'tenant id, mails of invitations',
    reason:
      'Anybody may make a tenant, and an invitation is a mail to whomever they name: a team is not a mailing list.',
  },
  upstream_route: {
    variable: 'BUDGET_UPSTREAM_ROUTE',
    quota: 0,
    window_seconds: 60,
    counted_by: 'tenant id and route of an upstream; 0 means none unless the manifest says',
    reason: 'Some routes of a service cost it far more than others. Its operator knows which, and what a tenant needs.',
  },
  operator: {
    variable: 'BUDGET_OPERATOR',
    quota: 100,
    window_seconds: 60,
    counted_by: 'user id of the operator',
    reason: 'A stolen operator token must not be able to walk through every tenant in a minute.',
  },
  messages_burst: {
    variable: 'BUDGET_MESSAGES_BURST',
    quota: 5,
    window_seconds: 1,
    counted_by: 'author: user id, or the customer or key that the message is of; messages',
    reason:
      'Nobody types five messages in a second. Whoever sends them is a loop, and everybody in the room gets them.',
  },
  messages: {
    variable: 'BUDGET_MESSAGES',
    quota: 60,
    window_seconds: 60,
    counted_by: 'author: user id, or the customer or key that the message is of; messages',
    reason: 'One a second is a lively talk. More of one author is noise for everybody else in the conversation.',
  },
  typing: {
    variable: 'BUDGET_TYPING',
    quota: 2,
    window_seconds: 1,
    counted_by: 'user id, typing notices',
    reason: 'A client says once that it begins and once that it stops; each notice goes to every listener.',
  },
} as const satisfies Record<string, BudgetDefault>

export type BudgetName = keyof typeof BUDGETS

export interface Budget {
  readonly name: BudgetName
  readonly quota: number
  readonly window_seconds: number
}

export type Budgets = Readonly<Record<BudgetName, Budget>>

/**
 * `<requests>/<seconds>`: up to ten million requests in up to a day. Only those whose default is none can be 0, for none: any
 * other at 0 would refuse everybody.
 */
export function budgetPattern(budget: BudgetDefault): string {
  return `^(${budget.quota === 0 ? '0|' : ''}[1-9][0-9]{0,6})/([1-9][0-9]{0,4})$`
}

/** The budgets in force: the defaults of this file, each replaced by its environment variable where that is set. */
export function readBudgets(environment: Readonly<Record<string, unknown>>): Budgets {
  const entries = Object.entries(BUDGETS).map(([name, fallback]) => {
    const text = environment[fallback.variable]
    const [quota, window_seconds] =
      typeof text === 'string' ? text.split('/').map(Number) : [fallback.quota, fallback.window_seconds]
    return [name, { name, quota, window_seconds }]
  })
  return Object.fromEntries(entries)
}

/** How many connections may be open at once; each can be set in the environment variable named here. */
export const CONNECTION_LIMITS = {
  user: {
    variable: 'CONNECTIONS_USER',
    count: 50,
    reason: 'A person has a few tabs and devices. More of one user is a loop that reconnects and forgets to close.',
  },
  tenant: {
    variable: 'CONNECTIONS_TENANT',
    count: 1000,
    reason: 'One tenant must not be able to use up the sockets and the memory of the others.',
  },
} as const

export type ConnectionLimits = Readonly<Record<keyof typeof CONNECTION_LIMITS, number>>
