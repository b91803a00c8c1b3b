import { parse, stringify } from 'yaml'
import { type OpenApiDocument, writeYaml } from '../../../src/app/openapi/openapi-document.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())

// Attack: a stranger asks for the contract after each start, and its text takes hundreds of milliseconds to write.
t.test('the writer of the YAML gives other requests their turn after each path', async (t) => {
  const document = (await ask(gateway, '/openapi.json')).body as OpenApiDocument
  let turns = 0
  let is_written = false
  const written = writeYaml(document).finally(() => {
    is_written = true
  })
  while (!is_written) {
    turns += 1
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.ok(turns > Object.keys(document.paths).length, `${turns} turns`)
  t.ok((await written) === stringify(document, { strict: false }), 'the text is that of the whole document')
})

t.test('200 the YAML says what the JSON says', async (t) => {
  const { body } = await ask(gateway, '/openapi.json')
  t.same(parse((await ask(gateway, '/openapi.yaml')).text), body)
})
