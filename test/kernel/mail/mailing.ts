import type { Test } from 'tap'
import { type GatewayOptions, startGateway, type TestGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { until } from '../../helpers/until.js'
import { emailOf, PASSWORD, type Person } from '../../helpers/world.js'

/** Starts a gateway that sends mails to a server, and closes it at the end of the test. */
export async function startMailingGateway(t: Test, SMTP_URL: string, options: GatewayOptions) {
  const gateway = await startGateway({ ...options, env: { SMTP_URL, ...options.env } })
  let is_closed = false
  const close = async () => {
    if (!is_closed) await gateway.close()
    is_closed = true
  }
  t.teardown(close)
  let logins = new Map<Person, Promise<string>>()
  const logIn = async (person: Person) => {
    const { body } = await ask(gateway, '/v1/auth/login', { body: { email: emailOf(person), password: PASSWORD } })
    return String(body.access)
  }
  return {
    ...gateway,
    close,
    async bearer(person: Person) {
      const login = logins.get(person) ?? logIn(person)
      logins.set(person, login)
      return { authorization: `Bearer ${await login}` }
    },
    /** Moves the clock, and starts the sender as the commit of a mail does. */
    wake(ahead_ms: number) {
      gateway.clock.advance(ahead_ms)
      // The clock may have passed the end of the access tokens.
      if (ahead_ms !== 0) logins = new Map()
      gateway.bus.publish({ kind: 'mail_queued' })
    },
  }
}

export type MailingGateway = Awaited<ReturnType<typeof startMailingGateway>>

/** Waits for lines of the log with a text. @returns all of them, parsed */
export async function logged(gateway: TestGateway, text: string, count = 1): Promise<Record<string, unknown>[]> {
  const found = () => gateway.lines.filter((line) => line.includes(text))
  await until(`${count} lines with "${text}"`, () => found().length >= count)
  return found().map((line) => JSON.parse(line))
}

/** Waits until no mail is in the queue. */
export function emptyQueue(gateway: TestGateway): Promise<unknown> {
  return until('the queue is empty', async () => (await gateway.sql('select from mails')).length === 0)
}
