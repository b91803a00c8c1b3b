import { readManifest } from '../../../../src/features/upstreams/manifest/read-manifest.js'
import { BLOCKS, blocksRunAs } from '../../../helpers/docs.js'
import { ask } from '../../../helpers/requests.js'
import { t } from '../../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../../helpers/world.js'
import { startGatewayWith, startService, trainingManifest } from '../services.js'

t.test('each manifest in the documentation is valid', async (t) => {
  const manifests = BLOCKS.filter(({ language }) => language === 'yaml')
  t.ok(manifests.length > 0)
  for (const { text, page, line } of manifests) {
    const { mistakes, manifest } = readManifest(text, () => '')
    t.same(mistakes, [], `${page}:${line}`)
    t.ok(manifest?.upstreams.length)
  }
})

t.test('the verifier in the documentation returns the caller, and undefined for a forged token', async (t) => {
  const service = await startService()
  const gateway = await startGatewayWith(t, trainingManifest(service.origin))
  const world = await buildWorld(gateway)
  const [{ text: code = '' } = {}] = blocksRunAs('verifier')
  t.ok(code.split('\n').length <= 20, 'the verifier has at most 20 lines')
  const here = code
    .replace("'/.well-known/jwks.json', GATEWAY", `'/.well-known/jwks.json', '${gateway.url}'`)
    .replace('https://api.example.com', gateway.config.public_url)
  const folder = t.testdir({ 'verifier.mjs': here })
  const { identityOf } = (await import(`${folder}/verifier.mjs`)) as {
    identityOf(request: { headers: Record<string, unknown> }): Promise<unknown>
  }

  const { body } = await ask(gateway, '/training/status', { headers: await world.as('owner') })
  const { acme, ids } = world
  t.match(await identityOf(body), { tenant_id: acme.id, user_id: ids.owner, scopes: ['training:run', 'training:view'] })
  const alone = await ask(gateway, '/training/open', { headers: keyHeaders(acme) })
  t.match(await identityOf(alone.body), { tenant_id: acme.id, user_id: undefined, key_id: acme.key.slice(4, 16) })

  const token = String(body.headers['x-gatehouse-identity'])
  const [head, , signature] = token.split('.')
  const claims = Buffer.from('{"iss":"http://gateway.test","aud":"training"}').toString('base64url')
  for (const forged of [
    undefined,
    '',
    'x',
    `${head}.${claims}.${signature}`,
    `${token.slice(0, -4)}AAAA`,
    await world.token('owner'),
  ]) {
    t.equal(await identityOf({ headers: { 'x-gatehouse-identity': forged } }), undefined, String(forged))
  }
  await gateway.close()
  await service.close()
})
