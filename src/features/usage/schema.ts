import { Type } from 'typebox'
import { Instant, Nullable, strictObject } from '../../kernel/rest/schemas.js'
import { USAGE_GROUPS } from './store.js'

export const UsageQuery = strictObject({
  group_by: Type.Optional(Type.Enum(USAGE_GROUPS, { description: 'The default is day.' })),
  from: Type.Optional(Instant),
  to: Type.Optional(Instant),
})

export const Usage = Type.Object(
  {
    from: Type.String(),
    to: Type.String(),
    group_by: Type.String(),
    is_cut: Type.Boolean({
      description: 'true: there are more than 1,000 groups, and data holds the first of them. Ask for a shorter time.',
    }),
    data: Type.Array(
      Type.Object({
        group: Type.String({
          description:
            'The key id, route, status, code, hour or day. Empty for requests without a key or without a problem.',
        }),
        name: Nullable(Type.String({ description: 'The name of the key, if the groups are keys.' })),
        requests: Type.Integer(),
        refusals: Type.Integer({ description: 'Responses that were problems.' }),
        duration_ms_average: Type.Number(),
        duration_ms_max: Type.Number(),
      }),
    ),
  },
  { $id: 'Usage' },
)
