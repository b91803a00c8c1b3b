import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import { HOOKS, LIFECYCLE } from '../../src/app/lifecycle.js'
import { startGateway } from '../helpers/gateway.js'
import { t } from '../helpers/t.js'

/** The request hooks of the whole gateway, without the hooks of single routes. */
const GATEWAY_HOOKS = HOOKS.filter((hook) => /^\w+$/.test(hook))
const OTHERS = ['preSerialization', 'onSend', 'preHandler', 'onError', 'onTimeout', 'onRequestAbort']

/** Starts a gateway. @returns the names of the request hooks that it added to itself, in their order */
async function addedHooks(): Promise<string[]> {
  const added: string[] = []
  const record = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    // The helper that starts the gateway adds its own hooks while it handles this event. This test does not record them.
    queueMicrotask(() => {
      const original = fastify.addHook
      const recording = function (this: FastifyInstance, name: string, ...rest: unknown[]) {
        if (this === fastify && [...GATEWAY_HOOKS, ...OTHERS].includes(name)) added.push(name)
        return (original as (...words: unknown[]) => unknown).call(this, name, ...rest)
      }
      Object.assign(fastify, { addHook: recording })
    })
  }
  subscribe('fastify.initialization', record)
  const gateway = await startGateway()
  unsubscribe('fastify.initialization', record)
  await gateway.close()
  return added
}

t.test('the list of stages names every hook of the gateway, in the order of their installation', async (t) => {
  const listed = LIFECYCLE.flatMap(({ hooks }) => GATEWAY_HOOKS.filter((hook) => hook in hooks))
  t.ok(listed.length > 0)
  t.same(await addedHooks(), listed)
})

t.test('each stage has a unique name, a hook, and a reason for its position', async (t) => {
  t.equal(new Set(LIFECYCLE.map(({ name }) => name)).size, LIFECYCLE.length)
  for (const { name, hooks, place } of LIFECYCLE) {
    t.ok(Object.keys(hooks).length > 0, name)
    t.match(place, /\.$/, name)
    for (const does of Object.values(hooks)) t.match(does, /^[A-Z].*\.$/, name)
  }
})
