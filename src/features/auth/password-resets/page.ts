import type { FastifyRequest } from 'fastify'
import { type Field, formOf, type Mistake, mistakesOf, sentValue } from '../../../kernel/pages/form.js'
import { html } from '../../../kernel/pages/html.js'
import type { Page } from '../../../kernel/pages/layout.js'
import { type DescribeRefusal, FORM, PageResponse, page, sendPage, servePages } from '../../../kernel/pages/pages.js'
import { open } from '../../../kernel/request/access.js'
import { problems, type Routes } from '../../../kernel/rest/schemas.js'
import { newPasswordField, userNameField } from '../fields.js'
import { linkOwner } from '../link-owner.js'
import type { TokenOwner } from '../one-time-tokens-store.js'
import { LinkParams } from '../schema.js'
import { type RequestResetParts, requestReset } from './request-reset.js'
import { type ResetParts, resetPassword } from './reset-password.js'
import { NewPasswordReset, PasswordReset } from './schema.js'

const tags = ['pages']

export interface ResetPagesOptions extends ResetParts, RequestResetParts {
  readonly public_url: string
}

const DEAD: Page = {
  title: 'This link does not work',
  body: html`<p>It was used already, it has expired, or it is incomplete. A link to set a password works once, for 30 minutes.</p>
<p><a href="/password-resets">Request a new link</a></p>`,
}
const SENT: Page = {
  title: 'Look into your mailbox',
  body: html`<p>If a user has this address, a mail with a link arrives within a few minutes. The link works once, for 30 minutes.</p>
<p>If no mail arrives, look into the folder for unwanted mail. Within 2 minutes of a mail, no other one is sent.</p>`,
}
const RESET: Page = {
  title: 'Your new password is set',
  body: html`<p>Every session has ended. Log in with the new password.</p>`,
}

const fieldsOf = (owner: TokenOwner): Field[] => [userNameField(owner.email), newPasswordField('New password')]
const resetForm = (owner: TokenOwner, mistakes?: readonly Mistake[]): Page => ({
  title: 'Set a new password',
  body: html`<p>This ends every session of your user.</p>
${formOf({ fields: fieldsOf(owner), button: 'Set the password', ...(mistakes && { mistakes }) })}`,
})

const emailField = (value?: string): Field => ({
  ...{ id: 'email', name: 'email', label: 'Email address', type: 'email', autocomplete: 'username', max_length: 254 },
  ...(value !== undefined && { value }),
})
const requestForm = (fields: readonly Field[], mistakes: readonly Mistake[] = []): Page => ({
  title: 'Request a new password',
  body: html`<p>You get a mail with a link to set it.</p>
${formOf({ fields, button: 'Send the link', mistakes })}`,
})

const describeRequest: DescribeRefusal = async (request, problem) => {
  const email = sentValue(request, 'email')
  if (problem.code !== 'validation_failed' || email === undefined) return undefined
  const fields = [emailField(email)]
  return requestForm(fields, mistakesOf(problem, fields, request))
}

const ownerOf = (request: FastifyRequest, token: string) =>
  request.platform_store.read((store) => store.password_resets.ownerOf(token))

const describeReset: DescribeRefusal = async (request, problem) => {
  if (problem.code === 'not_found') return DEAD
  if (problem.code !== 'validation_failed' || sentValue(request, 'password') === undefined) return undefined
  const owner = await ownerOf(request, (request.params as { token: string }).token)
  return owner === undefined ? DEAD : resetForm(owner, mistakesOf(problem, fieldsOf(owner), request))
}

/** The pages that send a link to set a new password, and that set it with the link. */
const resetPages: Routes<ResetPagesOptions> = async (app, options) => {
  servePages(app, options.public_url)

  app.get(
    '',
    {
      config: page(open(), describeRequest),
      schema: {
        operationId: 'getResetRequestPage',
        summary: 'Page: request a link to set a new password',
        tags,
        response: { 200: PageResponse },
      },
    },
    async (_request, reply) => sendPage(reply, requestForm([emailField()])),
  )

  app.post(
    '',
    {
      config: page(open(), describeRequest),
      schema: {
        operationId: 'submitResetRequestPage',
        summary: 'Page: request a link to set a new password with its form',
        tags,
        consumes: FORM,
        body: NewPasswordReset,
        response: { 200: PageResponse, ...problems('rate_limited') },
      },
    },
    async (request, reply) => {
      await requestReset(options, request, reply, request.body.email)
      return sendPage(reply, SENT)
    },
  )

  app.get(
    '/:token',
    {
      config: page(open(), describeReset),
      schema: {
        operationId: 'getResetPage',
        summary: 'Page: set a new password',
        tags,
        params: LinkParams,
        response: { 200: PageResponse, ...problems('not_found', 'rate_limited') },
      },
    },
    async (request, reply) => {
      const { token } = request.params
      const owner = await linkOwner(options.limiter, request, reply, () => ownerOf(request, token))
      return sendPage(reply, resetForm(owner))
    },
  )

  app.post(
    '/:token',
    {
      config: page(open(), describeReset),
      schema: {
        operationId: 'submitResetPage',
        summary: 'Page: set a new password with its form',
        tags,
        consumes: FORM,
        params: LinkParams,
        body: PasswordReset,
        response: { 200: PageResponse, ...problems('not_found', 'rate_limited') },
      },
    },
    async (request, reply) => {
      await resetPassword(options, request, reply, request.params.token, request.body.password)
      return sendPage(reply, RESET)
    },
  )
}
export default resetPages
