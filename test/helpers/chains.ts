import { type Verdict, verifyChain } from '../../src/features/audit/chain.js'
import type { AuditRecord } from '../../src/features/audit/store.js'
import { systemOrigin } from '../../src/kernel/store/audit-record.js'
import type { TestGateway } from './gateway.js'

/** Verifies the chain of each tenant, and of the platform, as `npm run audit -- verify` does. @returns the broken ones */
export async function brokenChains({ stores }: Pick<TestGateway, 'stores'>): Promise<Record<string, Verdict>> {
  const of_chain = new Map<string, AuditRecord[]>()
  const batches = await stores
    .platform(() => systemOrigin('test'))
    .read(async (store) => ({ all: store.audit.all({}, 1_000) }))
  for await (const batch of batches.all) {
    for (const event of batch) {
      const chain = event.tenant_id ?? 'the platform'
      of_chain.set(chain, [...(of_chain.get(chain) ?? []), event])
    }
  }
  const broken: Record<string, Verdict> = {}
  for (const [chain, events] of of_chain) {
    const verdict = await verifyChain(linesOf(events))
    if (!verdict.ok || !verdict.is_whole) broken[chain] = verdict
  }
  return broken
}

async function* linesOf(events: readonly AuditRecord[]): AsyncGenerator<string> {
  for (const event of events) yield JSON.stringify(event)
}
