import type { ProblemCode } from '../../contract/problems/catalogue.js'
import type { Holdings } from '../permissions/evaluate.js'
import type { ScopesNow } from '../permissions/scope-catalogue.js'
import type { Problem } from '../problems/problems.js'
import { type Caller, type ClientLocation, type Credential, callerOf } from './caller.js'
import type { AccessKind } from './demand.js'
import type { Facts, TenantFact } from './facts.js'
import { type TenantPrincipal, tenantPrincipal } from './principal.js'
import type { Established, Rule } from './rules.js'

/** A column of the table: a kind of access, a tenant route that also takes a ticket, or requests that no route matched. */
export type Column = AccessKind | 'ticket' | 'unrouted'

/** The part of a row that code outside of the HTTP pipeline knows. */
export interface RuleRow {
  readonly columns: readonly Column[]
  readonly rule?: Rule
  /** Every code with which the row refuses. */
  readonly refuses: readonly ProblemCode[]
}

/** The access of a caller whom no rule refuses, and when it ends. */
export interface Standing {
  readonly principal: TenantPrincipal
  readonly holdings: Holdings
  readonly tenant: TenantFact
  readonly ends: End | undefined
}

/** The first moment at which a rule will refuse the caller even if no fact changes, and the problem that the rule will return. */
export interface End {
  readonly at_ms: number
  readonly code: ProblemCode
}

/** What the rules decide about a caller who sends no request. */
export interface Verdict {
  /** The problem of the first rule that refuses the caller. */
  readonly problem: Problem | undefined
  /** Why that rule refuses, for a reader who may know the facts. */
  readonly reason: string | undefined
  /** What a request must have, where rules let the caller pass only because this is unknown. */
  readonly conditions: readonly string[]
}

/**
 * The rules of the table, for everything that is not a request in the pipeline: open connections, the contract, and
 * explanations.
 */
export interface AccessRules {
  /** Decides about a caller who sends no request, and says why. Budgets are not checked. */
  verdictOf(facts: Facts, caller: Caller, now_ms: number): Verdict
  /**
   * Checks an open connection of the data plane. It spends no budget.
   * @throws Problem that a request with the same credential would get now
   */
  standingOf(
    facts: Facts,
    credential: Credential,
    location: ClientLocation,
    scopes: readonly string[],
    now_ms: number,
  ): Standing
  /** The codes with which the rows of a column refuse, in the order of the rows. */
  refusals(column: Column): readonly ProblemCode[]
}

/** Reads the rules of a table. Checks of open connections use the catalogue of scopes that is in force then. */
export function accessRules(table: readonly RuleRow[], scopesNow: ScopesNow): AccessRules {
  const rowsOf = (column: Column) => table.filter(({ columns }) => columns.includes(column))
  const rulesOf = (column: Column) => rowsOf(column).flatMap(({ rule }) => rule ?? [])
  const rules: Readonly<Record<AccessKind, readonly Rule[]>> = {
    open: rulesOf('open'),
    user: rulesOf('user'),
    member: rulesOf('member'),
    tenant: rulesOf('tenant'),
    operator: rulesOf('operator'),
  }
  return {
    verdictOf(facts, caller, now_ms) {
      const conditions: string[] = []
      for (const rule of rules[caller.demand.kind]) {
        const problem = rule.check(facts, caller, now_ms)
        if (problem !== undefined) return { problem, reason: rule.reasonOf?.(facts, caller, now_ms), conditions }
        const condition = rule.conditionOf?.(facts, caller)
        if (condition !== undefined) conditions.push(condition)
      }
      return { problem: undefined, reason: undefined, conditions }
    },
    standingOf(facts, credential, location, scopes, now_ms) {
      const caller = callerOf(credential, location, { kind: 'tenant', scopes }, scopesNow())
      const established: Established = {}
      for (const rule of rules.tenant) {
        const problem = rule.check(facts, caller, now_ms)
        if (problem !== undefined) throw problem
        rule.establish?.(established, facts, caller)
      }
      const { principal, holdings, tenant } = established
      if (principal === undefined || holdings === undefined || tenant === undefined) {
        throw new Error('the tenant column does not establish who calls')
      }
      return {
        principal: tenantPrincipal(principal),
        holdings,
        tenant,
        ends: firstEnd(rules.tenant, facts, caller, now_ms),
      }
    },
    refusals: (column) => [...new Set(rowsOf(column).flatMap(({ refuses }) => refuses))],
  }
}

function firstEnd(rules: readonly Rule[], facts: Facts, caller: Caller, now_ms: number): End | undefined {
  let first: End | undefined
  for (const rule of rules) {
    const at_ms = rule.endsAt?.(facts, caller, now_ms)
    if (at_ms === undefined || (first !== undefined && first.at_ms <= at_ms)) continue
    const problem = rule.check(facts, caller, at_ms)
    if (problem === undefined) throw new Error('a rule names an end at which it does not refuse')
    first = { at_ms, code: problem.code }
  }
  return first
}
