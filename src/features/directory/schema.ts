import { Type } from 'typebox'
import { TENANT_PRINCIPAL_KINDS } from '../../contract/kinds.js'
import { PageQuery } from '../../kernel/rest/pagination.js'
import { strictObject } from '../../kernel/rest/schemas.js'

export const DirectoryEntry = Type.Object(
  {
    id: Type.String({ description: 'The id of the user or of the key.' }),
    name: Type.String(),
    kind: Type.Enum([...TENANT_PRINCIPAL_KINDS]),
  },
  { $id: 'DirectoryEntry' },
)

export const DirectoryQuery = strictObject({
  ...PageQuery,
  kind: Type.Optional(Type.Enum([...TENANT_PRINCIPAL_KINDS])),
  search: Type.Optional(
    Type.String({ minLength: 1, maxLength: 100, description: 'Text that the name contains, ignoring case.' }),
  ),
})
