import { randomBytes } from 'node:crypto'
import type { TestGateway } from '../helpers/gateway.js'
import { addMember } from '../helpers/members.js'
import { ask } from '../helpers/requests.js'
import { PASSWORD, type Person, type World } from '../helpers/world.js'
import { makeUser } from './examples.js'

export type Side = 'acme' | 'globex'

/** Creates a user for one example and logs them in. */
export async function signedIn(gateway: TestGateway, world: World) {
  const { id, email } = await makeUser(gateway, world)
  const { body } = await ask(gateway, '/v1/auth/login', { body: { email, password: PASSWORD } })
  return { id, email, headers: { authorization: `Bearer ${body.access}` } }
}

/** The Owner of a side: name and id. */
export function ownerOf(world: World, side: Side) {
  const person: Person = side === 'acme' ? 'owner' : 'other_owner'
  const id = world.ids[person]
  return { person, id }
}

/** Creates a user who is a member of the side's tenant. @returns the user id */
export async function makeMember(gateway: TestGateway, world: World, side: Side): Promise<string> {
  const { id } = await makeUser(gateway, world)
  await addMember(gateway, world[side].id, id, ['Agent'])
  return id
}

export function somebodyNew(): string {
  return `new-${randomBytes(6).toString('hex')}@people.example`
}
