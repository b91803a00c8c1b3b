export const REDIS_STATES = ['ok', 'failing', 'none'] as const
/** Together: all replicas count each budget as one. Apart: each replica counts its part of each budget, 1 / replicas. */
export const BUDGET_STATES = ['together', 'apart'] as const

/** How the replicas count budgets at the moment, for readiness. */
export interface SharingState {
  /** Whether Redis accepts writes. `none`: no Redis is configured. */
  readonly redis: (typeof REDIS_STATES)[number]
  readonly budgets: (typeof BUDGET_STATES)[number]
}
