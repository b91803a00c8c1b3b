import { hash } from 'node:crypto'
import { readMigrationFiles } from 'drizzle-orm/migrator'

/**
 * Returns a name for the current migrations, so that one template is created for them. It has a fixed length: PostgreSQL cuts
 * names after 63 bytes, so two names that grew with the number of migrations could become equal.
 */
export function migrationsVersion(): string {
  const migrations = readMigrationFiles({ migrationsFolder: 'migrations' })
  return hash('sha256', migrations.map((migration) => migration.hash).join()).slice(0, 16)
}
