import { getTableColumns } from 'drizzle-orm'
import { type AuthorKind, TENANT_PRINCIPAL_KINDS, type TenantPrincipalKind } from '../../../contract/kinds.js'
import { asUuid, keyName, knownUserName, type NameColumn, nameByKind } from '../../../kernel/identity/names.js'
import { type MessageRow, messages } from './table.js'

/** How the name of an author of each kind is found. `row` is the table or the alias of the row with the author. */
const NAME_OF: Readonly<Record<AuthorKind, (row: string, id: string) => string>> = {
  user: (row, id) => knownUserName(`${row}.tenant_id`, asUuid(id)),
  key: (row, id) => keyName(`${row}.tenant_id`, id),
  customer: (row, id) =>
    `(select n.name from customers n where n.tenant_id = ${row}.tenant_id and n.id = ${asUuid(id)})`,
}

/** The name of the author of a row: null if the customer or the user is deleted. */
export function authorName(row: string): NameColumn {
  const names = Object.entries(NAME_OF).map(([kind, nameOf]) => [kind, nameOf(row, `${row}.author_id`)])
  return nameByKind<AuthorKind>(`${row}.author_kind`, Object.fromEntries(names))
}

/** The name of a principal whose kind and id are in these columns of a row. */
export function principalName(row: string, kind: string, id: string): NameColumn {
  const names = TENANT_PRINCIPAL_KINDS.map((each) => [each, NAME_OF[each](row, `${row}.${id}`)])
  return nameByKind<TenantPrincipalKind>(`${row}.${kind}`, Object.fromEntries(names))
}

/** A message with the name that its author has now. */
export interface MessageRecord extends MessageRow {
  readonly author_name: string | null
}

/** The columns of a message with the name of its author, for a select or a returning. */
export const MESSAGE_COLUMNS = {
  ...getTableColumns(messages),
  author_name: authorName('messages').as('author_name'),
}
