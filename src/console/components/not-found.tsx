import { Link } from '@tanstack/react-router'
import { Page } from './page'

export function NotFound() {
  return (
    <Page title="No such page">
      <p>
        The console has no page at this address. <Link to="/">Go to your tenants.</Link>
      </p>
    </Page>
  )
}
