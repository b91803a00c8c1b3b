import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify from 'fastify'
import pg from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { Customer, NewCustomer } from '../../src/features/customers/schema.js'
import { TYPES } from '../../src/kernel/database/pooled.js'
import { pageSchema } from '../../src/kernel/rest/pagination.js'
import { POOL_MAX } from './servers.js'

/**
 * The server that the gateway is compared with: the same responses from the same tables with Fastify and pg alone, written
 * for speed. It has no credentials, no budgets and no row-level security. It believes the tenant header.
 */
const COLUMNS = 'id, name, email, phone, external_id, tags, metadata, version, created_at, updated_at'
const LIST = {
  name: 'list',
  text: `select ${COLUMNS} from customers where tenant_id = $1 order by id desc limit 21`,
}
const ONE = { name: 'one', text: `select ${COLUMNS} from customers where tenant_id = $1 and id = $2` }
const CREATE = {
  name: 'create',
  text: `insert into customers (tenant_id, id, name, tags, metadata, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $6) returning ${COLUMNS}`,
}

interface Row {
  readonly id: string
}

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: POOL_MAX, types: TYPES })
const app = fastify({ ajv: { customOptions: { keywords: ['x-message'] } } }).withTypeProvider<TypeBoxTypeProvider>()
const tenantOf = (headers: Record<string, unknown>) => headers['x-tenant-id']

app.get('/', async () => 'here')

app.get('/v1/customers', { schema: { response: { 200: pageSchema(Customer) } } }, async (request) => {
  const { rows } = await pool.query<Row>({ ...LIST, values: [tenantOf(request.headers)] })
  const data = rows.slice(0, 20)
  return { data, next_cursor: rows.length > 20 ? (data.at(-1)?.id ?? null) : null } as never
})

app.get('/v1/customers/:id', { schema: { response: { 200: Customer } } }, async (request) => {
  const { id } = request.params as { id: string }
  const { rows } = await pool.query<Row>({ ...ONE, values: [tenantOf(request.headers), id] })
  return rows[0] as never
})

app.post('/v1/customers', { schema: { body: NewCustomer, response: { 201: Customer } } }, async (request, reply) => {
  const { name, tags, metadata } = request.body
  const now = new Date().toISOString()
  const values = [tenantOf(request.headers), uuidv7(), name, tags, metadata, now]
  const { rows } = await pool.query<Row>({ ...CREATE, values })
  return reply.code(201).send(rows[0] as never)
})

const Access = { type: 'object', additionalProperties: true } as const

/** A response as large as that of the gateway, which `cost` sends in advance. */
let access: Record<string, unknown> = {}
app.put('/access', async (request) => {
  access = request.body as Record<string, unknown>
  return {}
})
app.get('/v1/access', { schema: { response: { 200: Access } } }, async () => access)

/** A refusal as large as that of the gateway. */
app.get('/refused', async (_request, reply) => reply.code(403).type('application/problem+json').send(access))

process.once('SIGTERM', async () => {
  await app.close()
  await pool.end()
})
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
