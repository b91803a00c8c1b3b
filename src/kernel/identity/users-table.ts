import { sql } from 'drizzle-orm'
import { check, foreignKey, index, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { bytes, instant } from '../database/columns.js'

/** A person. Users are global; what they may do in a tenant is their membership. */
export const users = pgTable(
  'users',
  {
    id: uuid('id').primaryKey(),
    /** Lower case, trimmed, NFC: as it is looked up. */
    email: text('email').notNull(),
    name: text('name').notNull(),
    password_hash: text('password_hash').notNull(),
    email_verified_at: instant('email_verified_at'),
    disabled_at: instant('disabled_at'),
    /** Failed logins before this moment are forgotten: an operator ended the pause. */
    unlocked_at: instant('unlocked_at'),
    created_at: instant('created_at').notNull(),
  },
  (t) => [uniqueIndex('users_email_key').on(t.email)],
)

/** What one login began. It ends once, for every token that was ever made for it. */
export const sessions = pgTable(
  'sessions',
  {
    id: uuid('id').primaryKey(),
    user_id: uuid('user_id').notNull(),
    address: text('address'),
    user_agent: text('user_agent'),
    created_at: instant('created_at').notNull(),
    /** Absolute: refreshing does not move it. */
    expires_at: instant('expires_at').notNull(),
    ended_at: instant('ended_at'),
    end_reason: text('end_reason'),
  },
  (t) => [
    foreignKey({ name: 'sessions_user_id_fkey', columns: [t.user_id], foreignColumns: [users.id] }),
    index('sessions_user_id_index').on(t.user_id),
    index('sessions_expires_at_index').on(t.expires_at),
    check('sessions_end_check', sql`(${t.ended_at} is null) = (${t.end_reason} is null)`),
  ],
)

/**
 * Every refresh token of a session, by the SHA-256 of its secret. One is unused: the current one.
 *
 * `successor_salt` with the token's own secret yields the successor, so the same answer can be given twice without
 * keeping a secret that could be read from here.
 */
export const refresh_tokens = pgTable(
  'refresh_tokens',
  {
    digest: bytes('digest').primaryKey(),
    session_id: uuid('session_id').notNull(),
    created_at: instant('created_at').notNull(),
    used_at: instant('used_at'),
    successor_salt: bytes('successor_salt'),
    successor_digest: bytes('successor_digest'),
  },
  (t) => [
    foreignKey({
      name: 'refresh_tokens_session_id_fkey',
      columns: [t.session_id],
      foreignColumns: [sessions.id],
    }).onDelete('cascade'),
    uniqueIndex('refresh_tokens_current_key').on(t.session_id).where(sql`${t.used_at} is null`),
    check(
      'refresh_tokens_use_check',
      sql`(${t.used_at} is null) = (${t.successor_salt} is null) and (${t.used_at} is null) = (${t.successor_digest} is null)`,
    ),
  ],
)

export const ONE_TIME_PURPOSES = ['email_verification', 'password_reset'] as const
export type OneTimePurpose = (typeof ONE_TIME_PURPOSES)[number]

/** What a link in a mail holds, by the SHA-256 of its secret. Works once, for a time. */
export const one_time_tokens = pgTable(
  'one_time_tokens',
  {
    digest: bytes('digest').primaryKey(),
    user_id: uuid('user_id').notNull(),
    purpose: text('purpose').$type<OneTimePurpose>().notNull(),
    created_at: instant('created_at').notNull(),
    expires_at: instant('expires_at').notNull(),
    used_at: instant('used_at'),
  },
  (t) => [
    foreignKey({ name: 'one_time_tokens_user_id_fkey', columns: [t.user_id], foreignColumns: [users.id] }),
    index('one_time_tokens_user_id_index').on(t.user_id),
    index('one_time_tokens_expires_at_index').on(t.expires_at),
    check('one_time_tokens_purpose_check', sql`${t.purpose} in ('email_verification', 'password_reset')`),
  ],
)

export type UserRow = typeof users.$inferSelect
export type SessionRow = typeof sessions.$inferSelect
