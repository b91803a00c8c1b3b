import type { Limiter } from '../../../kernel/limits/limiter.js'
import { formOf } from '../../../kernel/pages/form.js'
import { html } from '../../../kernel/pages/html.js'
import type { Page } from '../../../kernel/pages/layout.js'
import { type DescribeRefusal, PageResponse, page, sendPage, servePages } from '../../../kernel/pages/pages.js'
import { open } from '../../../kernel/request/access.js'
import { problems, type Routes } from '../../../kernel/rest/schemas.js'
import { linkOwner } from '../link-owner.js'
import { LinkParams } from '../schema.js'
import { verifyEmail } from './verify-email.js'

const tags = ['pages']

export interface VerificationPageOptions {
  readonly limiter: Limiter
  readonly public_url: string
}

const DEAD: Page = {
  title: 'This link does not work',
  body: html`<p>It was used already, it has expired, or it is incomplete.</p>
<p>If you have verified your address, there is nothing left to do. Otherwise log in where you registered, and request a new link.</p>`,
}

const describe: DescribeRefusal = async (_request, { code }) => (code === 'not_found' ? DEAD : undefined)

/** The page of a link that verifies an address. */
const verificationPage: Routes<VerificationPageOptions> = async (app, { limiter, public_url }) => {
  servePages(app, public_url)

  app.get(
    '/:token',
    {
      config: page(open(), describe),
      schema: {
        operationId: 'getVerificationPage',
        summary: 'Page: verify an address',
        tags,
        params: LinkParams,
        response: { 200: PageResponse, ...problems('not_found', 'rate_limited') },
      },
    },
    async (request, reply) => {
      const { token } = request.params
      const owner = await linkOwner(limiter, request, reply, () =>
        request.platform_store.read((store) => store.email_verifications.ownerOf(token)),
      )
      return sendPage(reply, {
        title: 'Verify your email address',
        body: html`<p>Somebody registered here as <strong>${owner.name}</strong> with the address <strong>${owner.email}</strong>, and chose a password.</p>
<p>Verify the address only if that was you. Otherwise the account of a stranger acts with your address. If it was not you, close this page: nothing happens.</p>
${formOf({ fields: [], button: 'I registered, verify my address' })}`,
      })
    },
  )

  app.post(
    '/:token',
    {
      config: page(open(), describe),
      schema: {
        operationId: 'submitVerificationPage',
        summary: 'Page: verify an address with its form',
        tags,
        params: LinkParams,
        response: { 200: PageResponse, ...problems('not_found', 'rate_limited') },
      },
    },
    async (request, reply) => {
      await verifyEmail(limiter, request, reply, request.params.token)
      return sendPage(reply, { title: 'Your address is verified', body: html`<p>You can close this page.</p>` })
    },
  )
}
export default verificationPage
