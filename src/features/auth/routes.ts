import { sessionIdOf } from '../../kernel/authz/principal.js'
import { normaliseEmail } from '../../kernel/credentials/email.js'
import { checkNewPassword } from '../../kernel/credentials/passwords.js'
import { isRefreshToken } from '../../kernel/credentials/refresh-tokens.js'
import type { AfterResponseQueue } from '../../kernel/jobs/after-response.js'
import { addressBucket } from '../../kernel/limits/address.js'
import { consume } from '../../kernel/limits/limiter.js'
import { countRefused } from '../../kernel/limits/refused.js'
import type { LinkMail, Outbox } from '../../kernel/mail/outbox.js'
import { verificationMail } from '../../kernel/mail/templates.js'
import { Problem } from '../../kernel/problems/problems.js'
import { open, user } from '../../kernel/request/access.js'
import { NoContent, problems, type Routes } from '../../kernel/rest/schemas.js'
import { logLink } from './log-link.js'
import { identifyByPassword, type LoginParts, limitLogins } from './login.js'
import { Accepted, Login, Refresh, Registration, TokenPair } from './schema.js'
import { type SessionParts, startSession, tokenPair } from './start-session.js'

export interface AuthOptions extends LoginParts, SessionParts {
  readonly allow_registration: boolean
  readonly outbox: Outbox
  readonly after_response: AfterResponseQueue
  readonly link_url: string
}

const tags = ['auth']

/** Log in, refresh, log out, register. */
const auth: Routes<AuthOptions> = async (app, options) => {
  const { limiter, passwords, outbox, link_url } = options
  const mail: LinkMail = { outbox, write: (to, token) => verificationMail(to, token, link_url) }

  app.post(
    '/login',
    {
      config: open(),
      schema: {
        operationId: 'login',
        summary: 'Log in with email and password',
        tags,
        body: Login,
        response: { 200: TokenPair, ...problems('invalid_credentials', 'rate_limited') },
      },
    },
    async (request, reply) => {
      const signed_in = await identifyByPassword(options, request, reply, request.body)
      return startSession(options, request, signed_in)
    },
  )

  app.post(
    '/refresh',
    {
      config: open(),
      schema: {
        operationId: 'refresh',
        summary: 'Exchange a refresh token for new tokens',
        description:
          'A refresh token works once. The one before the current is answered alike for 10 seconds; an older one ends the session.',
        tags,
        body: Refresh,
        response: { 200: TokenPair, ...problems('invalid_refresh_token', 'rate_limited') },
      },
    },
    async (request, reply) => {
      const { refresh } = request.body
      const session_id = isRefreshToken(refresh)
        ? await request.platform_store.read((store) => store.sessions.idOfToken(refresh))
        : undefined
      if (session_id !== undefined) await consume(limiter, reply, 'refresh', session_id)
      const outcome =
        session_id !== undefined
          ? await request.platform_store.write('session.refreshed', (store) => store.sessions.refresh(refresh))
          : ({ kind: 'unknown' } as const)
      if (outcome.kind === 'reused') {
        await request.platform_store.write('session.ended', (store) =>
          store.sessions.revoke(outcome.session_id, 'refresh_token_reused'),
        )
      }
      if (outcome.kind !== 'refreshed') {
        throw await countRefused(limiter, reply, addressBucket(request.ip), new Problem('invalid_refresh_token'))
      }
      const signed_in = await request.platform_store.read((store) => store.logins.signedIn(outcome.user_id))
      return tokenPair(options, signed_in, outcome.session_id, outcome.refresh)
    },
  )

  app.post(
    '/logout',
    {
      config: user(),
      schema: {
        operationId: 'logout',
        summary: 'Log out: end this session at once',
        tags,
        response: { 204: NoContent },
      },
    },
    async (request, reply) => {
      await request.platform_store.write('session.ended', (store) =>
        store.sessions.revoke(sessionIdOf(request.principal), 'logout'),
      )
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/register',
    {
      config: open(),
      schema: {
        operationId: 'register',
        summary: 'Register; requires ALLOW_REGISTRATION',
        description:
          'The response is the same whether or not a user has the address. The gateway creates the user shortly after the response, and sends a link that verifies the address.',
        tags,
        body: Registration,
        response: { 202: Accepted, ...problems('registration_disabled', 'rate_limited') },
      },
    },
    async (request, reply) => {
      if (!options.allow_registration) throw new Problem('registration_disabled')
      await limitLogins(limiter, request, reply)
      options.after_response.assertRoom()
      const { name, password } = request.body
      const email = normaliseEmail(request.body.email)
      checkNewPassword(password, [email, name])
      const password_hash = await passwords.hash(password)
      const { platform_store } = request
      options.after_response.add(reply, async () => {
        const outcome = await platform_store.write('user.registered', (store) =>
          store.users.register({ email, name, password_hash }, mail),
        )
        logLink(reply.log, outcome)
      })
      return reply.code(202).send({ status: 'accepted' })
    },
  )
}
export default auth
