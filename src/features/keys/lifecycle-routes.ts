import { Type } from 'typebox'
import type { KeyUseRecorder } from '../../kernel/credentials/key-use.js'
import { member } from '../../kernel/request/access.js'
import {
  closed,
  Instant,
  Name,
  Nullable,
  problems,
  type Routes,
  ScopeName,
  TenantParams,
} from '../../kernel/rest/schemas.js'
import type { Clock } from '../../kernel/time/clock.js'
import { checkedKey } from './checks.js'
import { CreatedKey, Key, shownKey } from './shown.js'

const tags = ['tenants']
const KeyParams = closed({ ...TenantParams.properties, key_id: Type.String({ pattern: '^[0-9A-Za-z]{12}$' }) })
const OVERLAP_SECONDS_MAX = 2_592_000

const KeyChange = closed(
  {
    name: Type.Optional(Name),
    scopes: Type.Optional(Type.Array(ScopeName, { uniqueItems: true, maxItems: 200 })),
    expires_at: Type.Optional(Nullable(Instant)),
    allowed_cidrs: Type.Optional(Nullable(Type.Array(Type.String({ maxLength: 50 }), { minItems: 1, maxItems: 50 }))),
    requests_per_minute: Type.Optional(Nullable(Type.Integer({ minimum: 1, maximum: 1_000_000 }))),
    disabled: Type.Optional(Type.Boolean({ description: 'true stops the key, false lets it work again.' })),
  },
  { minProperties: 1 },
)

export const Rotation = closed({
  overlap_seconds: Type.Integer({
    minimum: 0,
    maximum: OVERLAP_SECONDS_MAX,
    description: 'How long the old secret goes on working; 0 ends every old secret at once.',
  }),
})

export interface KeyLifecycleOptions {
  readonly clock: Clock
  readonly key_use: KeyUseRecorder
}

/** What members do with a key after it was made. */
const keyLifecycle: Routes<KeyLifecycleOptions> = async (app, { clock, key_use }) => {
  app.get(
    '/:key_id',
    {
      config: member('keys:manage'),
      schema: {
        operationId: 'getKey',
        summary: 'One key, with the use of its secrets',
        tags,
        params: KeyParams,
        response: { 200: Key, ...problems('not_found') },
      },
    },
    async (request) => {
      // So that the question "may I retire the old secret" is not answered from a minute ago.
      await key_use.flush().catch(() => undefined)
      return shownKey(await request.tenant_store.read((store) => store.keys.get(request.params.key_id)), clock())
    },
  )

  app.patch(
    '/:key_id',
    {
      config: member('keys:manage'),
      schema: {
        operationId: 'updateKey',
        summary: 'Change, disable or enable a key; it holds from its next request',
        tags,
        params: KeyParams,
        body: KeyChange,
        response: { 200: Key, ...problems('not_found', 'privilege_escalation') },
      },
    },
    async (request) => {
      const { expires_at, allowed_cidrs, ...rest } = request.body
      const checked = checkedKey(
        { expires_at: expires_at ?? undefined, allowed_cidrs: allowed_cidrs ?? undefined },
        clock(),
      )
      const change = {
        ...rest,
        ...(expires_at !== undefined && { expires_at: expires_at && checked.expires_at }),
        ...(allowed_cidrs !== undefined && { allowed_cidrs: allowed_cidrs && checked.allowed_cidrs }),
      }
      const record = await request.tenant_store.write('tenant_key.updated', (store) =>
        store.key_lifecycle.update(request.params.key_id, change, request.holdings),
      )
      return shownKey(record, clock())
    },
  )

  app.post(
    '/:key_id/rotate',
    {
      config: member('keys:manage'),
      schema: {
        operationId: 'rotateKey',
        summary: 'Give a key a new secret; it is shown once',
        description: 'Requests on the old secret answer with Deprecation and Sunset until it ends.',
        tags,
        params: KeyParams,
        body: Rotation,
        response: { 201: CreatedKey, ...problems('not_found', 'privilege_escalation', 'rotation_in_progress') },
      },
    },
    async (request, reply) => {
      const { record, key } = await request.tenant_store.write('tenant_key.rotated', (store) =>
        store.key_lifecycle.rotate(request.params.key_id, request.body.overlap_seconds, request.holdings),
      )
      return reply.code(201).send({ ...shownKey(record, clock()), key })
    },
  )
}
export default keyLifecycle
