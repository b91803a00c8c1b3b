import type { FastifyInstance } from 'fastify'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { openFactsReader } from '../kernel/authz/facts-reader.js'
import { type LeasedFacts, leasedFacts } from '../kernel/authz/leased-facts.js'
import { type LeasedRoles, leasedRoles } from '../kernel/authz/leased-roles.js'
import type { Database } from '../kernel/database/database.js'
import type { Barrier } from '../kernel/replicas/barrier.js'
import { openReplica } from '../kernel/replicas/open.js'
import type { Replica } from '../kernel/replicas/replica.js'

const BARRIER_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2]

/** This process as a replica: what it remembers, and what its writers wait for. */
export interface Replicating {
  readonly replica: Replica
  readonly facts: LeasedFacts
  readonly roles: LeasedRoles
  readonly barrier: Barrier
  /** Adds the metrics of the replica to a registry. */
  register(registry: Registry): void
}

/** Makes this process a replica of its database until the gateway has closed. */
export async function startReplicating(app: FastifyInstance, database: Database): Promise<Replicating> {
  const replica = await openReplica(database, app.log)
  const catchUp = () => replica.catchUp()
  database.fact_watchers.add(catchUp)
  // Fastify runs these hooks from the last one to the first, so the replica ends after everything that can write.
  app.addHook('onClose', async () => {
    database.fact_watchers.delete(catchUp)
    await replica.close()
  })
  const facts = leasedFacts(openFactsReader(database), replica)
  const waits = new Histogram({
    name: 'gatehouse_barrier_seconds',
    help: 'Time for which the answer to a change of rights waited for the replicas.',
    buckets: BARRIER_SECONDS,
    registers: [],
  })
  return {
    replica,
    facts,
    roles: leasedRoles(replica),
    barrier: {
      async pass(xid) {
        const end = waits.startTimer()
        await replica.pass(xid)
        end()
      },
    },
    register(registry) {
      registry.registerMetric(waits)
      registerState(registry, replica, facts)
    },
  }
}

function registerState(registry: Registry, replica: Replica, facts: LeasedFacts): void {
  const registers = [registry]
  new Gauge({
    name: 'gatehouse_lease_valid',
    help: '1 if requests may be decided from memory, 0 if each one reads the database.',
    registers,
    aggregator: 'min',
    collect() {
      this.set(replica.hasLease() ? 1 : 0)
    },
  })
  new Gauge({
    name: 'gatehouse_replicas',
    help: 'Replicas that share the database, as far as this one knows.',
    registers,
    aggregator: 'max',
    collect() {
      this.set(replica.count())
    },
  })
  new Gauge({
    name: 'gatehouse_facts_remembered',
    help: 'Callers whose facts are in memory.',
    registers,
    collect() {
      this.set(facts.counts().entries)
    },
  })
  new Counter({
    name: 'gatehouse_facts_total',
    help: 'Readings of the facts of a caller, from memory or from the database.',
    labelNames: ['source'],
    registers,
    collect() {
      const { hits, misses } = facts.counts()
      this.reset()
      this.inc({ source: 'memory' }, hits)
      this.inc({ source: 'database' }, misses)
    },
  })
}
