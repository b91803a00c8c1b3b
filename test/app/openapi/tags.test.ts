import fastify from 'fastify'
import { checkTags, TAGS } from '../../../src/app/openapi/tags.js'
import { t } from '../../helpers/t.js'

t.test('a route whose tag no feature declares stops the start', async (t) => {
  const app = fastify()
  checkTags(app)
  app.get('/known', { schema: { tags: TAGS.map(({ name }) => name) } }, async () => 'known')
  app.get('/untagged', async () => 'untagged')
  t.throws(() => app.get('/unknown', { schema: { tags: ['tickets'] } }, async () => 'unknown'), {
    message: 'GET /unknown: no feature brings the tag tickets',
  })
  await app.close()
})

t.test('each tag of the contract is declared once', async (t) => {
  const names = TAGS.map(({ name }) => name)
  t.same(names, [...new Set(names)])
})
