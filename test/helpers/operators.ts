import { ALL_PRIVILEGES, type Privilege } from '../../src/contract/scopes.js'
import { systemOrigin } from '../../src/kernel/store/audit-record.js'
import type { TestGateway } from './gateway.js'
import { type Answer, ask } from './requests.js'

type Stores = Pick<TestGateway, 'stores'>
const TEST = systemOrigin('test')

/** Accepts the offer to a user, if there is one. Tests that log the user in use the route instead. */
export async function acceptAppointment({ stores }: Stores, user_id: string): Promise<void> {
  const platform = stores.platform(() => TEST)
  const offer = await platform.read((store) => store.own_appointment.pendingOf(user_id))
  if (offer === undefined) return
  await platform.write('operator.accepted', (store) => store.own_appointment.accept(user_id))
}

/** Makes a user an operator: offers it and accepts it. */
export async function makeOperator(
  { stores }: Stores,
  user_id: string,
  privileges: readonly Privilege[] = ALL_PRIVILEGES,
): Promise<void> {
  await stores.platform(() => TEST).write('operator.offered', (store) => store.operators.offer(user_id, privileges))
  await acceptAppointment({ stores }, user_id)
}

/** Appoints an operator or changes one as an operator does, over HTTP. If that is an offer, the user accepts it. */
export async function appoint(
  gateway: TestGateway,
  operator: Record<string, string>,
  user_id: string,
  privileges: unknown,
): Promise<Answer> {
  const path = `/v1/platform/operators/${user_id}`
  const answer = await ask(gateway, path, { method: 'PUT', headers: operator, body: { privileges } })
  if (answer.body?.state === 'pending') await acceptAppointment(gateway, user_id)
  return answer
}
