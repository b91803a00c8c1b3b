import { tenant } from '../../kernel/request/access.js'
import { etagOf, ifMatchVersions } from '../../kernel/rest/etag.js'
import { pageSchema, readPage, sendDocuments } from '../../kernel/rest/pagination.js'
import { NoContent, problems, type Routes, strictObject } from '../../kernel/rest/schemas.js'
import { checkCustomer } from './checks.js'
import { Customer, CustomerChange, CustomerParams, CustomerQuery, NewCustomer } from './schema.js'

const tags = ['customers']

/** The customers of a tenant. */
const customers: Routes = async (app) => {
  app.get(
    '',
    {
      config: tenant('conversations:view'),
      schema: {
        operationId: 'listCustomers',
        summary: 'List customers, newest first',
        tags,
        querystring: strictObject(CustomerQuery),
        response: { 200: pageSchema(Customer), ...problems('invalid_cursor') },
      },
    },
    async (request, reply) => {
      const page = await request.tenant_store.read((store) => store.customers.list(request.query, readPage(request)))
      return sendDocuments(request, reply, page)
    },
  )

  app.post(
    '',
    {
      config: tenant('customers:edit'),
      schema: {
        operationId: 'createCustomer',
        summary: 'Create a customer',
        tags,
        body: NewCustomer,
        response: { 201: Customer, ...problems('already_exists') },
      },
    },
    async (request, reply) => {
      checkCustomer(request.body)
      const customer = await request.tenant_store.write('customer.created', (store) =>
        store.customers.create(request.body),
      )
      return reply
        .code(201)
        .headers({ etag: etagOf(customer.version), location: `/v1/customers/${customer.id}` })
        .send(customer)
    },
  )

  app.get(
    '/:id',
    {
      config: tenant('conversations:view'),
      schema: {
        operationId: 'getCustomer',
        summary: 'Get a customer',
        tags,
        params: CustomerParams,
        response: { 200: Customer, ...problems('not_found') },
      },
    },
    async (request, reply) => {
      const customer = await request.tenant_store.read((store) => store.customers.get(request.params.id))
      reply.header('etag', etagOf(customer.version))
      return customer
    },
  )

  app.patch(
    '/:id',
    {
      config: tenant('customers:edit'),
      schema: {
        operationId: 'updateCustomer',
        summary: 'Update a customer',
        description:
          'A field that is not sent keeps its value. A null removes the value. With If-Match, the gateway updates only the version that you read.',
        tags,
        params: CustomerParams,
        body: CustomerChange,
        response: { 200: Customer, ...problems('not_found', 'already_exists', 'precondition_failed') },
      },
    },
    async (request, reply) => {
      checkCustomer(request.body)
      const customer = await request.tenant_store.write('customer.updated', (store) =>
        store.customers.update(request.params.id, request.body, ifMatchVersions(request)),
      )
      reply.header('etag', etagOf(customer.version))
      return customer
    },
  )

  app.delete(
    '/:id',
    {
      config: tenant('customers:edit'),
      schema: {
        operationId: 'deleteCustomer',
        summary: 'Delete a customer, and the text about them',
        description:
          'The conversations of the customer stay without title and text: the gateway erases their titles, their messages, the messages that the customer wrote elsewhere, and the copies in reports. This cannot be undone. If the response is 503 because there is very much text, send the request again: it continues.',
        tags,
        params: CustomerParams,
        response: { 204: NoContent, ...problems('not_found', 'precondition_failed') },
      },
    },
    async (request, reply) => {
      const { params, tenant_store } = request
      const if_match = ifMatchVersions(request)
      while (await tenant_store.read((store) => store.customer_texts.isTooMuch(params.id))) {
        await tenant_store.write('customer.text_erased', (store) =>
          store.customers.erasePart(params.id, if_match, store.customer_texts),
        )
      }
      await tenant_store.write('customer.deleted', (store) =>
        store.customers.delete(params.id, if_match, store.customer_texts),
      )
      return reply.code(204).send(null)
    },
  )
}
export default customers
