import { readMigrationFiles } from 'drizzle-orm/migrator'

/** Names the migrations, so that a template is made once for them. */
export function migrationsVersion(): string {
  return readMigrationFiles({ migrationsFolder: 'migrations' })
    .map(({ hash }) => hash.slice(0, 4))
    .join('')
}
