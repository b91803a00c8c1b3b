import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'
import { readMails } from '../../kernel/mail/read-mails.js'

const DATA_DIR = t.testdir()
const gateway = await startGateway({ env: { DATA_DIR } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, ids } = world
const path = `/v1/tenants/${acme.id}/invitations`

// Attack: registers many addresses, verifies none of them, and lets each send invitations to strangers.
t.test(
  '409 a user who has not verified their address cannot invite, and cannot send an invitation again',
  async (t) => {
    const headers = await world.bearer('owner')
    const invite = (email: string) => ask(gateway, path, { headers, body: { email, roles: ['Agent'] } })
    const first = await invite('first@people.example')
    t.equal(first.status, 201)
    const verified = (at: string) => gateway.sql(`update users set email_verified_at = ${at} where id = '${ids.owner}'`)
    await verified('null')
    const refusal = { status: 409, body: { code: 'email_unverified', detail: /your own email address/ } }
    t.match(await invite('second@people.example'), refusal)
    t.match(await ask(gateway, `${path}/${first.body.id}/resend`, { method: 'POST', headers }), refusal)
    t.equal(
      (await ask(gateway, `${path}/${first.body.id}`, { method: 'DELETE', headers })).status,
      204,
      'revoking is allowed',
    )
    await verified('now()')
    t.equal((await invite('third@people.example')).status, 201)
    t.same((await readMails(DATA_DIR, 2)).map(({ to }) => to).sort(), ['first@people.example', 'third@people.example'])
  },
)
