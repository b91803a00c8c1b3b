/**
 * Every budget: its name, its size, its key, and the reason. No other file holds the size of a budget.
 *
 * A budget is `quota` requests in `window_seconds`, counted in fixed windows that start with the first request. The
 * environment variable named here sets it as `<requests>/<seconds>`.
 */
export interface BudgetDefault {
  readonly variable: string
  readonly quota: number
  readonly window_seconds: number
  readonly key: string
  readonly reason: string
  /**
   * Whether it counts beyond its quota, and each count and each look asks what all replicas have counted. Only for requests
   * that are rare, or cost far more than a round trip.
   */
  readonly counts_all?: true
}

export const BUDGETS = {
  address: {
    variable: 'BUDGET_ADDRESS',
    quota: 6000,
    window_seconds: 60,
    key: 'client address (IPv6 by /64)',
    reason:
      'Stops floods before a request costs CPU. It is wide, because one server may send all requests of a tenant.',
  },
  refused: {
    variable: 'BUDGET_REFUSED',
    quota: 120,
    window_seconds: 60,
    key: 'client address or tenant key, refused credentials only',
    reason:
      'Bounds what guesses of keys and tokens cost. Valid credentials are served, whatever else their address sends.',
  },
  login_address: {
    variable: 'BUDGET_LOGIN_ADDRESS',
    quota: 10,
    window_seconds: 60,
    key: 'client address, logins',
    reason: 'Every login costs a password hash. A user needs one login.',
  },
  login_account: {
    variable: 'BUDGET_LOGIN_ACCOUNT',
    quota: 10,
    window_seconds: 3600,
    key: 'user, failed logins',
    reason:
      'NIST SP 800-63B section 5.2.2 limits failed logins. Over the budget, the gateway delays logins. It never locks a user out for good.',
    counts_all: true,
  },
  login_new_place: {
    variable: 'BUDGET_LOGIN_NEW_PLACE',
    quota: 100,
    window_seconds: 3600,
    key: 'user, failed logins during a delay from networks without an earlier failure',
    reason:
      'A user on a new network can log in during a delay that an attacker caused. An attacker needs a hundred networks to use this budget up, and NIST SP 800-63B section 5.2.2 allows at most 100 failures.',
    counts_all: true,
  },
  tenant: {
    variable: 'BUDGET_TENANT',
    quota: 1000,
    window_seconds: 60,
    key: 'tenant id, unless its plan says otherwise',
    reason: 'One tenant must not use up the capacity of the other tenants.',
  },
  key: {
    variable: 'BUDGET_KEY',
    quota: 0,
    window_seconds: 60,
    key: 'tenant key id; 0 means none unless the key itself says',
    reason: 'An Owner may limit one integration to a part of the budget of the tenant.',
  },
  invitations: {
    variable: 'BUDGET_INVITATIONS',
    quota: 100,
    window_seconds: 3600,
    key: 'tenant id, mails of invitations',
    reason:
      'Any user may create a tenant, and an invitation sends a mail to any address. The budget keeps a tenant from sending bulk mail.',
  },
  mailbox: {
    variable: 'BUDGET_MAILBOX',
    quota: 5,
    window_seconds: 1800,
    key: 'mailbox and kind of mail, in the database',
    reason:
      'A stranger must not fill the mailbox of another person, from any number of tenants. Each kind of mail has its own budget, so that invitations cannot use up the budget for resets. The window is as long as a reset link works. So a mailbox that receives no more resets holds a link that works.',
  },
  upstream_route: {
    variable: 'BUDGET_UPSTREAM_ROUTE',
    quota: 0,
    window_seconds: 60,
    key: 'tenant id and route of an upstream; 0 means none unless the manifest says',
    reason:
      'Some routes of a service cost far more than others. The operator of the service sets their budgets in the manifest.',
  },
  user: {
    variable: 'BUDGET_USER',
    quota: 120,
    window_seconds: 60,
    key: 'user id, routes that name no tenant key',
    reason: 'Each write of a user waits for its audit chain. One user must not make all others wait.',
  },
  refresh: {
    variable: 'BUDGET_REFRESH',
    quota: 10,
    window_seconds: 60,
    key: 'session',
    reason: 'Each refresh adds a token and an audit event that stay. A client needs one refresh in 15 minutes.',
  },
  operator: {
    variable: 'BUDGET_OPERATOR',
    quota: 100,
    window_seconds: 60,
    key: 'user id of the operator',
    reason: 'A stolen operator token must not read every tenant within a minute.',
  },
  messages_burst: {
    variable: 'BUDGET_MESSAGES_BURST',
    quota: 5,
    window_seconds: 1,
    key: 'author: user id, or the customer or key that the message is of; messages',
    reason:
      'A person does not type five messages in a second. A program that loops does, and every member of the conversation receives them.',
  },
  messages: {
    variable: 'BUDGET_MESSAGES',
    quota: 60,
    window_seconds: 60,
    key: 'author: user id, or the customer or key that the message is of; messages',
    reason: 'One message per second is a fast conversation. More of one author disturbs the other members.',
  },
  typing: {
    variable: 'BUDGET_TYPING',
    quota: 2,
    window_seconds: 1,
    key: 'user id, typing notices',
    reason:
      'A client sends one notice when the user starts to type and one when the user stops. Every listener receives each notice.',
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
 * Returns the pattern of `<requests>/<seconds>`: up to ten million requests in up to a day. Only a budget that is off by
 * default can be 0, which means off. Any other budget of 0 would refuse every request.
 */
export function budgetPattern(budget: BudgetDefault): string {
  return `^(${budget.quota === 0 ? '0|' : ''}[1-9][0-9]{0,6})/([1-9][0-9]{0,4})$`
}

/** Returns the budgets in force: the default of this file, or the value of the environment variable if it is set. */
export function readBudgets(environment: Readonly<Record<string, unknown>>): Budgets {
  const entries = Object.entries(BUDGETS).map(([name, fallback]) => {
    const text = environment[fallback.variable]
    const [quota, window_seconds] =
      typeof text === 'string' ? text.split('/').map(Number) : [fallback.quota, fallback.window_seconds]
    return [name, { name, quota, window_seconds }]
  })
  return Object.fromEntries(entries)
}

/** How many connections may be open at once. The environment variable named here sets each limit. */
export const CONNECTION_LIMITS = {
  user: {
    variable: 'CONNECTIONS_USER',
    count: 50,
    reason:
      'A user has a few tabs and devices. More connections are a client that reconnects without closing its old connection.',
  },
  tenant: {
    variable: 'CONNECTIONS_TENANT',
    count: 1000,
    reason: 'One tenant must not use up the sockets and the memory of the other tenants.',
  },
} as const

export type ConnectionLimits = Readonly<Record<keyof typeof CONNECTION_LIMITS, number>>
