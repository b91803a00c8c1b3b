import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { leasedFacts } from '../../../src/kernel/authz/leased-facts.js'
import { GONE_AFTER_MS } from '../../../src/kernel/replicas/fact-feed.js'
import { SharedReplica } from '../../../src/kernel/replicas/shared-replica.js'
import { randomSeed } from '../../helpers/random.js'
import { t } from '../../helpers/t.js'
import { type Plan, type Rules, runModel, TENANTS } from './model.js'

const RUNS = Number(process.env.MODEL_RUNS ?? 400)
/** Orders that are tried until one shows that a rule is missing. */
const BROKEN_RUNS = 20_000

const at = fc.record({ replica: fc.nat(2), tenant: fc.constantFrom(...TENANTS) })
const plans: fc.Arbitrary<Plan> = fc.record({
  replicas: fc.integer({ min: 1, max: 3 }),
  writers: fc.array(at, { minLength: 1, maxLength: 3 }),
  readers: fc.array(at, { minLength: 1, maxLength: 4 }),
  cuts: fc.array(fc.nat(2), { maxLength: 2 }),
  lost: fc.array(fc.boolean(), { maxLength: 4 }),
  tick_ms: fc.constantFrom(60, 130, 300, 700),
  forgotten_after_ms: fc.constantFrom(GONE_AFTER_MS, 10 * GONE_AFTER_MS),
})

/** Two replicas of which one hears of nothing but by its own questions, so that it often has no lease for a while. */
const gaps: fc.Arbitrary<Plan> = fc.record({
  replicas: fc.constant(2),
  writers: fc.constant([{ replica: 0, tenant: 'a' as const }]),
  readers: fc.constant([1, 1, 1, 1].map((replica) => ({ replica, tenant: 'a' as const }))),
  cuts: fc.constant([]),
  lost: fc.constant([true]),
  tick_ms: fc.constantFrom(300, 700, 1_500),
  forgotten_after_ms: fc.constantFrom(GONE_AFTER_MS, 10 * GONE_AFTER_MS),
})

const property = (rules: Rules) =>
  fc.asyncProperty(fc.scheduler(), fc.oneof(plans, gaps), async (scheduler, plan) => {
    const stale = await runModel(scheduler, plan, rules)
    if (stale.length > 0) throw new Error(stale.join('; '))
  })

// Attack: a request reaches another replica at the worst moment after the answer to a revocation.
t.test('no order of events lets a replica decide by what was before an answered change', async (t) => {
  const seed = randomSeed(t)
  const { failed, numRuns, errorInstance } = await fc.check(property({ SharedReplica, leasedFacts }), {
    numRuns: RUNS,
    seed,
  })
  t.notOk(failed, String(errorInstance))
  t.equal(numRuns, RUNS)
})

/** A rule of the product, and the same code without it. shared-replica.test.ts has two rules that chance seldom needs. */
interface Mutation {
  readonly rule: string
  readonly file: 'replicas/shared-replica' | 'authz/leased-facts'
  readonly from: string
  readonly to: string
}

const MUTATIONS: readonly Mutation[] = [
  {
    rule: 'a writer waits for the barrier',
    file: 'replicas/shared-replica',
    from: 'if (life === undefined)\n            return this.#sleepUntil(ends_at_ms);',
    to: 'return;',
  },
  {
    rule: 'the memory is used only with a lease',
    file: 'replicas/shared-replica',
    from: 'return from !== undefined && this.#isWithinLease(from)',
    to: 'return from !== undefined',
  },
  {
    rule: 'the lease begins before the question is sent',
    file: 'replicas/shared-replica',
    from: 'life.leased_from = is_unbroken ? sent : undefined',
    to: 'life.leased_from = is_unbroken ? this.#now() : undefined',
  },
  {
    rule: 'the listeners hear of the changes of a question',
    file: 'replicas/shared-replica',
    from: 'if (changes.length > 0)\n',
    to: 'if (false)\n',
  },
  {
    rule: 'a new registration forgets everything',
    file: 'replicas/shared-replica',
    from: "const fence = await feed.register(id);\n        this.#listeners.tell('unknown');",
    to: 'const fence = await feed.register(id);',
  },
  {
    rule: 'a writer waits for its own replica too',
    file: 'replicas/shared-replica',
    from: 'if (this.#life === life && isVisible(xid, life.fence))',
    to: 'if (true)',
  },
  {
    rule: 'a writer without a registration waits for a whole lease',
    file: 'replicas/shared-replica',
    from: 'if (life === undefined)\n            return this.#sleepUntil(ends_at_ms);',
    to: 'if (life === undefined)\n            return;',
  },
  {
    rule: 'a reading that a change has overtaken is not kept',
    file: 'authz/leased-facts',
    from: 'readings.overtake((claims) => concerns(change, claims));',
    to: '',
  },
]

for (const [index, mutation] of MUTATIONS.entries()) {
  t.test(`the model fails without the rule: ${mutation.rule}`, async (t) => {
    const rules = await withoutRule(mutation, index)
    const { failed, counterexample } = await fc.check(property(rules), {
      numRuns: BROKEN_RUNS,
      seed: 7,
      endOnFailure: true,
    })
    t.ok(failed, 'an order was found')
    t.comment(String(counterexample?.[1] && JSON.stringify(counterexample[1])))
  })
}

t.test('the model fails if changes are found by a number in the order of the inserts', async (t) => {
  const rules = { SharedReplica, leasedFacts, asks_by_number: true }
  const { failed } = await fc.check(property(rules), { numRuns: BROKEN_RUNS, seed: 7, endOnFailure: true })
  t.ok(failed, 'an order was found')
})

/** Loads a copy of the compiled file in which one rule is missing. */
async function withoutRule({ file, from, to }: Mutation, index: number): Promise<Rules> {
  const folder = join('.build/src/kernel', file, '..')
  const code = readFileSync(join('.build/src/kernel', `${file}.js`), 'utf8')
  if (code.split(from).length !== 2) throw new Error(`${file}: ${code.split(from).length - 1} times ${from}`)
  const copy = join(folder, `without-rule-${index}.js`)
  writeFileSync(copy, code.replace(from, to))
  try {
    const broken = await import(pathToFileURL(copy).href)
    return { SharedReplica, leasedFacts, ...broken }
  } finally {
    rmSync(copy)
  }
}
