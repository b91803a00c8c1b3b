import { t } from '../helpers/t.js'
import { keyHeaders } from '../helpers/world.js'
import { ALLOWED, BAD_KEY, DENIED, eachInTurn, openReplicas, SCOPELESS } from './replicas.js'

const replicas = await openReplicas()
t.teardown(() => replicas.close())
const { gateway, replica, world, owner, of_acme, change, newKey, newMember, byKey, byUser } = replicas

// Attack: an attacker uses a revoked key on a replica that still has it in its memory.
t.test('a key that is disabled, enabled, rotated or revoked has its new state at the next request', async (t) => {
  const { id, key } = await newKey()
  const path = `${of_acme}/keys/${id}`
  const set = (disabled: boolean) => () => change(owner, 'PATCH', path, { body: { disabled } })
  let next = ''
  const rotate = async () => {
    next = (await change(owner, 'POST', `${path}/rotate`, { body: { overlap_seconds: 60 } })).key
  }
  const pass = (seconds: number) => async () => {
    for (const each of [gateway, replica]) each.clock.advance(seconds * 1000)
  }
  await eachInTurn(t, byKey(key), [
    ['disabled', set(true), BAD_KEY],
    ['enabled', set(false), ALLOWED],
    ['rotated, within its overlap', rotate, ALLOWED],
    ['just before the end of its overlap', pass(55), ALLOWED],
    ['past its overlap', pass(6), BAD_KEY],
  ])
  const revoke = () => change(owner, 'DELETE', path)
  await eachInTurn(t, byKey(next), [['revoked', revoke, BAD_KEY]])

  const own = await newKey()
  const headers = keyHeaders({ id: world.acme.id, key: own.key })
  const replace = () => change(headers, 'POST', '/v1/key/rotate', { body: { overlap_seconds: 0 } })
  await eachInTurn(t, byKey(own.key), [['replaced by itself, without overlap', replace, BAD_KEY]])
})

// Attack: a member sends requests after losing a role, a scope or the membership.
t.test('a change of the roles, overrides, state or membership holds for the next request of a member', async (t) => {
  const { id, path, headers } = await newMember()
  const roles =
    (...names: string[]) =>
    () =>
      change(owner, 'PATCH', path, { body: { roles: names } })
  const state = (state: string) => () => change(owner, 'PATCH', path, { body: { state } })
  const override = `${path}/overrides/conversations:view`
  const deny = () => change(owner, 'PUT', override, { body: { effect: 'deny', reason: 'Leaving' } })
  await eachInTurn(t, byUser(headers), [
    ['role removed', roles('Analyst'), SCOPELESS],
    ['role given', roles('Agent'), ALLOWED],
    ['denied', deny, SCOPELESS],
    ['deny removed', () => change(owner, 'DELETE', override), ALLOWED],
    ['disabled', state('disabled'), DENIED],
    ['enabled', state('active'), ALLOWED],
    ['removed', () => change(owner, 'DELETE', path), DENIED],
    ['added', () => change(owner, 'POST', `${of_acme}/members`, { body: { user_id: id, roles: ['Agent'] } }), DENIED],
    ['accepted', () => change(headers, 'POST', `/v1/me/memberships/${world.acme.id}/accept`), ALLOWED],
  ])
})

t.test('a change and the deletion of a custom role hold for the next request of a member', async (t) => {
  const body = { name: 'Probed', scopes: ['conversations:view'] }
  const { id } = await change(owner, 'POST', `${of_acme}/roles`, { body })
  const { headers } = await newMember(['Probed'])
  const on_role = { headers: { 'if-match': '*' } }
  const scopes =
    (...scopes: string[]) =>
    () =>
      change(owner, 'PATCH', `${of_acme}/roles/${id}`, { ...on_role, body: { scopes } })
  await eachInTurn(t, byUser(headers), [
    ['scope taken from the role', scopes('agents:view'), SCOPELESS],
    ['scope given to the role', scopes('conversations:view'), ALLOWED],
    ['role deleted', () => change(owner, 'DELETE', `${of_acme}/roles/${id}`, on_role), SCOPELESS],
  ])
})
