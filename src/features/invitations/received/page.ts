import { type Field, formOf, type Mistake, mistakesOf, sentValue } from '../../../kernel/pages/form.js'
import { type Html, html } from '../../../kernel/pages/html.js'
import type { Page } from '../../../kernel/pages/layout.js'
import { type DescribeRefusal, FORM, PageResponse, page, sendPage, servePages } from '../../../kernel/pages/pages.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { open } from '../../../kernel/request/access.js'
import { problems, type Routes } from '../../../kernel/rest/schemas.js'
import { CURRENT_PASSWORD, newPasswordField, userNameField } from '../../auth/fields.js'
import { acceptWithPassword, type JoinParts, joinWithLink, openInvitation } from './join.js'
import type { OpenedInvitation } from './reader.js'
import { JoinForm, LinkParams } from './schema.js'

const tags = ['pages']

export interface InvitationPageOptions extends JoinParts {
  readonly public_url: string
}

const UNKNOWN: Page = {
  title: 'This link does not work',
  body: html`<p>The link is incomplete, or a newer mail has replaced it. Open the link in the newest mail, or ask the person who invited you to send it again.</p>`,
}
const closed = (detail: string): Page => ({
  title: 'This invitation is closed',
  body: html`<p>${detail}</p>
<p>If you have accepted it, log in as usual. Otherwise ask the person who invited you for a new invitation.</p>`,
})

/** What a refusal leaves in the form. */
interface Refused {
  readonly mistakes: readonly Mistake[]
  readonly name: string | undefined
}

function fieldsOf({ email, is_registered }: OpenedInvitation, name: string | undefined): Field[] {
  if (is_registered) return [userNameField(email), CURRENT_PASSWORD]
  const name_field: Field = {
    ...{ id: 'name', name: 'name', label: 'Your name', type: 'text', autocomplete: 'name', max_length: 200 },
    ...(name !== undefined && { value: name }),
  }
  return [userNameField(email), name_field, newPasswordField('Password')]
}

function invitationPage(invitation: OpenedInvitation, { mistakes, name }: Refused = { mistakes: [], name: undefined }) {
  const { tenant_name, is_registered } = invitation
  const fields = fieldsOf(invitation, name)
  return {
    title: `You are invited to ${tenant_name}`,
    body: html`${factsOf(invitation)}
<p>${is_registered ? 'You have a user with this address. Enter its password to accept.' : 'Choose your name and a password to join.'}</p>
${formOf({ fields, button: is_registered ? 'Accept the invitation' : 'Join', mistakes })}
${is_registered && html`<p><a href="/password-resets">Set a new password</a> if you do not know it. Then open this link again.</p>`}
<footer><p>If you do not want to join, close this page: nothing happens.</p></footer>`,
  }
}

function factsOf({ roles, inviter_name, expires_at }: OpenedInvitation): Html {
  return html`<dl>
${inviter_name !== null && html`<dt>Invited by</dt><dd>${inviter_name}</dd>`}
<dt>${roles.length === 1 ? 'Role' : 'Roles'}</dt>${roles.length === 0 && html`<dd>none yet</dd>`}${roles.map((role) => html`<dd>${role}</dd>`)}
<dt>Open until</dt><dd><time datetime="${expires_at}">${inWords(expires_at)}</time></dd>
</dl>`
}

/** An instant for a person, in UTC, because the page has no script that could know the time zone. */
function inWords(instant: string): string {
  const text = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' })
  return `${text.format(new Date(instant))} UTC`
}

/** The codes that a person can repair in the form. */
const OF_FORM: ReadonlySet<string> = new Set(['validation_failed', 'invalid_credentials', 'already_registered'])

/** The page of a link that cannot be used; undefined for every other problem. */
function pageOfDeadLink({ code, detail }: Problem): Page | undefined {
  if (code === 'not_found') return UNKNOWN
  return code === 'invitation_closed' ? closed(detail) : undefined
}

function describing(parts: JoinParts): DescribeRefusal {
  return async (request, problem) => {
    const dead = pageOfDeadLink(problem)
    if (dead !== undefined) return dead
    // A request without a field was no form, or its body was not read.
    if (!OF_FORM.has(problem.code) || sentValue(request, 'password') === undefined) return undefined
    const { token } = request.params as { token: string }
    const invitation = await request.platform_store
      .read((store) => store.received_invitations.open(token, parts.scopesNow()))
      .catch((error: unknown) => {
        if (error instanceof Problem) return error
        throw error
      })
    // The form of a link that does not work can have mistakes as well.
    if (invitation instanceof Problem) return pageOfDeadLink(invitation)
    const name = sentValue(request, 'name')
    if (problem.code === 'already_registered') {
      return invitationPage(invitation, { mistakes: [{ text: 'A user has this address. Enter its password.' }], name })
    }
    const mistakes =
      problem.code === 'invalid_credentials'
        ? [{ field: 'password', text: 'This is not the password of this user.' }]
        : mistakesOf(problem, fieldsOf(invitation, name), request)
    return invitationPage(invitation, { mistakes, name })
  }
}

/** The page of an invitation: a person without a user joins, and an existing user accepts. */
const invitationPages: Routes<InvitationPageOptions> = async (app, options) => {
  servePages(app, options.public_url)
  const config = page(open(), describing(options))

  app.get(
    '/:token',
    {
      config,
      schema: {
        operationId: 'getInvitationPage',
        summary: 'Page: an invitation',
        tags,
        params: LinkParams,
        response: { 200: PageResponse, ...problems('not_found', 'invitation_closed', 'rate_limited') },
      },
    },
    async (request, reply) =>
      sendPage(reply, invitationPage(await openInvitation(options, request, reply, request.params.token))),
  )

  app.post(
    '/:token',
    {
      config,
      schema: {
        operationId: 'submitInvitationPage',
        summary: 'Page: join or accept an invitation with its form',
        tags,
        consumes: FORM,
        params: LinkParams,
        body: JoinForm,
        response: {
          200: PageResponse,
          ...problems('not_found', 'invitation_closed', 'already_registered', 'invalid_credentials'),
          ...problems('invitation_not_for_you', 'rate_limited'),
        },
      },
    },
    async (request, reply) => {
      const { token } = request.params
      const { name, password } = request.body
      const { tenant_name } =
        name === undefined
          ? await acceptWithPassword(options, request, reply, token, password)
          : (await joinWithLink(options, request, reply, token, { name, password })).tenant
      return sendPage(reply, {
        title: `Welcome to ${tenant_name}`,
        body: html`<p>You are a member now. <a href="/console">Sign in to the console</a> with your email address and your password.</p>`,
      })
    },
  )
}
export default invitationPages
