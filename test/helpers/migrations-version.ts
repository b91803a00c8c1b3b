import { readMigrationFiles } from 'drizzle-orm/migrator'

/** Returns a name for the current migrations, so that one template is created for them. */
export function migrationsVersion(): string {
  return readMigrationFiles({ migrationsFolder: 'migrations' })
    .map(({ hash }) => hash.slice(0, 4))
    .join('')
}
