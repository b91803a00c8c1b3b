import type { Effects } from '../api/roles'

/** How many members the list shows. A role can have more. */
const SHOWN_MAX = 100

/** Which members would gain and lose which scopes. */
export function RoleEffects({ effects }: { readonly effects: Effects }) {
  if (effects.length === 0) {
    return (
      <p className="note" role="status">
        No member gains or loses a scope.
      </p>
    )
  }
  return (
    <div className="note warn" role="status">
      <p>
        <strong>
          {effects.length} {effects.length === 1 ? 'member' : 'members'} of this role
        </strong>{' '}
        would be affected from their next request on.
      </p>
      <ul className="bullets">
        {effects.slice(0, SHOWN_MAX).map(({ user_id, email, gains, loses }) => (
          <li key={user_id}>
            {email}
            <Change word="gains" change={gains} />
            <Change word="loses" change={loses} />
          </li>
        ))}
      </ul>
      {effects.length > SHOWN_MAX && <p>And {effects.length - SHOWN_MAX} more.</p>}
    </div>
  )
}

function Change({ word, change }: { readonly word: string; readonly change: Effects[number]['gains'] }) {
  if (change.scopes.length === 0) return null
  return (
    <>
      {' '}
      {word} <code>{change.scopes.join(', ')}</code>
      {change.routes.length > 0 && (
        <details>
          <summary>{change.routes.length === 1 ? 'one route' : `${change.routes.length} routes`}</summary>
          <ul>
            {change.routes.map((route) => (
              <li key={route}>
                <code>{route}</code>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  )
}
