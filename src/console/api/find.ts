import { api, bodyOf } from './client'
import { allPages } from './pages'

/** One of many that a user can choose. */
export interface Choice {
  readonly id: string
  readonly name: string
  readonly detail: string
}

/** How many choices a list shows. */
const FOUND_MAX = 20

/** Finds members of a tenant by a part of the name, the email or the id. The API has no search, so it reads page after page. */
export async function findMembers(tenant_id: string, text: string): Promise<Choice[]> {
  const matches = matching(text)
  const rows = await allPages(
    (query) => bodyOf(api.GET('/v1/tenants/{tenant_id}/members', { params: { path: { tenant_id }, query } })),
    (rows) => rows.map(memberChoice).filter(matches).length >= FOUND_MAX,
  )
  return rows.map(memberChoice).filter(matches).slice(0, FOUND_MAX)
}

/** Finds keys of a tenant by a part of the name or the id. */
export async function findKeys(tenant_id: string, text: string): Promise<Choice[]> {
  const matches = matching(text)
  const rows = await allPages(
    (query) => bodyOf(api.GET('/v1/tenants/{tenant_id}/keys', { params: { path: { tenant_id }, query } })),
    (rows) => rows.map(keyChoice).filter(matches).length >= FOUND_MAX,
  )
  return rows.map(keyChoice).filter(matches).slice(0, FOUND_MAX)
}

function matching(text: string): (choice: Choice) => boolean {
  const wanted = text.toLowerCase()
  return ({ id, name, detail }) => `${name} ${detail} ${id}`.toLowerCase().includes(wanted)
}

export function memberChoice(member: { user_id: string; name: string | null; email: string | null }): Choice {
  return { id: member.user_id, name: member.name ?? 'A pending member', detail: member.email ?? member.user_id }
}

export function keyChoice(key: { id: string; name: string; revoked_at: string | null }): Choice {
  return { id: key.id, name: key.name, detail: key.revoked_at === null ? key.id : `${key.id}, revoked` }
}

/** Finds users of the platform by a part of the name, the email or the id. */
export async function findUsers(text: string): Promise<Choice[]> {
  const matches = matching(text)
  const rows = await allPages(
    (query) => bodyOf(api.GET('/v1/platform/users', { params: { query } })),
    (rows) => rows.map(userChoice).filter(matches).length >= FOUND_MAX,
  )
  return rows.map(userChoice).filter(matches).slice(0, FOUND_MAX)
}

function userChoice({ id, name, email }: { id: string; name: string; email: string }): Choice {
  return { id, name, detail: email }
}
