import fc from 'fast-check'
import type { Test } from 'tap'
import { ALL_SCOPES } from '../../../src/contract/scopes.js'
import {
  effectiveScopes,
  evaluate,
  type Holdings,
  holds,
  type OverrideFact,
} from '../../../src/kernel/permissions/evaluate.js'
import { ALL_SYSTEM_ROLES, type RoleFact, type SystemRole } from '../../../src/kernel/permissions/roles.js'
import { scopeCatalogue } from '../../../src/kernel/permissions/scope-catalogue.js'
import { t } from '../../helpers/t.js'

/** The scopes of the system roles. This second copy is on purpose: the tests compare the code with it. */
const EVERY =
  'conversations:view conversations:edit conversations:reply conversations:moderate handoff:perform customers:edit agents:view agents:edit users:manage keys:manage settings:manage analytics:view audit:view'
const ROLE_TABLE: Record<SystemRole, string> = {
  owner: EVERY,
  admin: EVERY,
  support_lead:
    'conversations:view conversations:edit conversations:reply conversations:moderate handoff:perform customers:edit agents:view',
  agent: 'conversations:view conversations:reply customers:edit',
  analyst: 'analytics:view audit:view',
}
const HOSTILE = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', '*', 'conversations:*', 'Keys:manage']

/** A scope of a removed upstream. Roles and keys still list it, but it has no effect. */
const GONE = 'upstream:gone'
/** A scope of a current upstream. Owner and Admin have it like every other scope. */
const DECLARED = 'upstream:later'
const CATALOGUE = scopeCatalogue(new Map([[DECLARED, 'Something of an upstream']]))

function naiveScopes(holdings: Holdings): Set<string> {
  if (holdings.kind === 'key') return new Set(holdings.scopes.filter((scope) => scope !== GONE))
  if (holdings.kind === 'operator') return new Set(holdings.privileges)
  const scopes: string[] = []
  for (const { system_role, scopes: own } of holdings.roles) {
    scopes.push(...(system_role === null ? own : ROLE_TABLE[system_role].split(' ')))
    if (system_role === 'owner' || system_role === 'admin') scopes.push(DECLARED)
  }
  for (const { effect, scope } of holdings.overrides) if (effect === 'grant') scopes.push(scope)
  const denied = holdings.overrides.filter(({ effect }) => effect === 'deny').map(({ scope }) => scope)
  return new Set(scopes.filter((scope) => scope !== GONE && !denied.includes(scope)))
}

const scope = fc.constantFrom(...ALL_SCOPES, DECLARED, GONE)
const asked = fc.oneof({ weight: 4, arbitrary: scope }, fc.constantFrom(...HOSTILE), fc.string())
const role: fc.Arbitrary<RoleFact> = fc.oneof(
  fc.record({
    name: fc.constantFrom('Owner', 'Custom', '__proto__'),
    system_role: fc.constant(null),
    scopes: fc.array(scope),
  }),
  // The code of a system role decides its scopes. The list in its row is ignored.
  fc.record({ name: fc.string(), system_role: fc.constantFrom(...ALL_SYSTEM_ROLES), scopes: fc.array(scope) }),
)
const override: fc.Arbitrary<OverrideFact> = fc.record({ scope, effect: fc.constantFrom('grant', 'deny') })
const user = fc.record({
  kind: fc.constant('user' as const),
  id: fc.uuid(),
  roles: fc.array(role, { maxLength: 4 }),
  overrides: fc.array(override, { maxLength: 6 }),
})
const key = fc.record({ kind: fc.constant('key' as const), id: fc.string(), scopes: fc.array(scope) })
const operator = fc.record({ kind: fc.constant('operator' as const), id: fc.uuid(), privileges: fc.array(scope) })
const holdings: fc.Arbitrary<Holdings> = fc.oneof({ weight: 3, arbitrary: user }, key, operator)

const namesOf = (held: Holdings) => new Set(effectiveScopes(held, CATALOGUE).map((each) => each.scope))
const isSubset = (part: Iterable<string>, whole: ReadonlySet<string>) => [...part].every((each) => whole.has(each))
const isSame = (left: ReadonlySet<string>, right: ReadonlySet<string>) => isSubset(left, right) && isSubset(right, left)
/** Asserts a property for many generated cases. The message holds the failing case. */
function always<T>(t: Test, property: fc.IProperty<T>, runs = 500): void {
  const run = fc.check(property, { numRuns: runs })
  t.notOk(run.failed, run.failed ? String(fc.defaultReportMessage(run)) : `${run.numRuns} cases`)
}

t.test('the catalogue and the system roles have the scopes of the lists above', async (t) => {
  t.strictSame([...ALL_SCOPES].sort(), EVERY.split(' ').sort())
  for (const code of ALL_SYSTEM_ROLES) {
    const held = namesOf({
      kind: 'user',
      id: 'u',
      roles: [{ name: 'x', system_role: code, scopes: [] }],
      overrides: [],
    })
    const declared = code === 'owner' || code === 'admin' ? [DECLARED] : []
    t.strictSame([...held].sort(), [...ROLE_TABLE[code].split(' '), ...declared].sort(), code)
  }
})

t.test('the effective scopes are those of the roles and the grants, without the denies', async (t) => {
  always(
    t,
    fc.property(holdings, (held) => isSame(namesOf(held), naiveScopes(held))),
  )
})

t.test(
  'a principal is allowed a scope if and only if its effective scopes contain it, also for texts that are no scope',
  async (t) => {
    always(
      t,
      fc.property(
        holdings,
        asked,
        (held, name) => evaluate([name], held, CATALOGUE).allowed === namesOf(held).has(name),
      ),
    )
  },
)

t.test('a principal needs every required scope, and missing lists exactly those that it lacks', async (t) => {
  always(
    t,
    fc.property(holdings, fc.array(asked), (held, required) => {
      const decision = evaluate(required, held, CATALOGUE)
      const expected = required.filter((name) => !naiveScopes(held).has(name))
      return (
        decision.allowed === (expected.length === 0) &&
        JSON.stringify(decision.missing) === JSON.stringify(expected) &&
        isSubset(decision.missing, new Set(required)) &&
        isSubset(decision.denied_by_override, new Set(decision.missing)) &&
        decision.principal.id === held.id &&
        decision.principal.kind === held.kind
      )
    }),
  )
})

// An administrator uses a deny to take a scope away. Another role, a grant or the Owner role must not override it.
t.test('a deny overrides every role, every grant and the Owner role, at any position in the list', async (t) => {
  always(
    t,
    fc.property(user, scope, fc.nat(), (held, denied, at) => {
      const overrides = [...held.overrides, { scope: denied, effect: 'grant' as const }]
      overrides.splice(at % (overrides.length + 1), 0, { scope: denied, effect: 'deny' as const } as never)
      const roles = [...held.roles, { name: 'Owner', system_role: 'owner' as const, scopes: [] }]
      const decision = evaluate([denied], { ...held, roles, overrides }, CATALOGUE)
      return !decision.allowed && decision.denied_by_override.includes(denied)
    }),
  )
})

t.test('a new deny never adds a scope, and a new grant never removes one', async (t) => {
  always(
    t,
    fc.property(user, scope, (held, name) => {
      const before = namesOf(held)
      const denied = namesOf({ ...held, overrides: [...held.overrides, { scope: name, effect: 'deny' }] })
      const granted = namesOf({ ...held, overrides: [...held.overrides, { scope: name, effect: 'grant' }] })
      return isSubset(denied, before) && !denied.has(name) && isSubset(before, granted)
    }),
  )
})

// The system before this one had a defect: a member kept the scopes of a removed role.
t.test('removing a role removes the scopes that only this role gave, and adds none', async (t) => {
  always(
    t,
    fc.property(user, fc.nat(), (held, at) => {
      if (held.roles.length === 0) return true
      const roles = held.roles.filter((_role, position) => position !== at % held.roles.length)
      const after = { ...held, roles }
      return isSubset(namesOf(after), namesOf(held)) && isSame(namesOf(after), naiveScopes(after))
    }),
  )
})

t.test('each effective scope lists all its sources', async (t) => {
  always(
    t,
    fc.property(user, (held) =>
      effectiveScopes(held, CATALOGUE).every(({ scope: name, from }) => {
        const roles = held.roles.filter((each) => holds({ ...held, roles: [each], overrides: [] }, name)).length
        const grants = held.overrides.filter((each) => each.effect === 'grant' && each.scope === name).length
        return from.length >= roles + grants && from.length > 0
      }),
    ),
  )
})

// Attack: a key gets scopes of roles or overrides that are in the same record.
t.test('the scopes of a key ignore roles and overrides in the same record', async (t) => {
  always(
    t,
    fc.property(key, user, asked, (held, { roles, overrides }, name) => {
      const laden = { ...held, roles, overrides } as Holdings
      const own = new Set(held.scopes.filter((each) => each !== GONE))
      return evaluate([name], laden, CATALOGUE).allowed === own.has(name as never) && isSame(namesOf(laden), own)
    }),
  )
})

// Attack: a caller asks for a scope with the name of a property that every JavaScript object has, or with a wildcard.
t.test('an Owner does not have a name of Object.prototype, a wildcard, or a scope in another case', async (t) => {
  const owner: Holdings = {
    kind: 'user',
    id: 'u',
    roles: [{ name: 'Owner', system_role: 'owner', scopes: [] }],
    overrides: [],
  }
  for (const name of HOSTILE) {
    t.notOk(CATALOGUE.has(name), name)
    t.strictSame(evaluate([name], owner, CATALOGUE).missing, [name])
  }
  t.ok(evaluate([], { kind: 'key', id: 'k', scopes: [] }, CATALOGUE).allowed, 'no required scope')
})
