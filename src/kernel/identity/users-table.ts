import { sql } from 'drizzle-orm'
import { check, foreignKey, index, integer, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { bytes, instant, isOneOf } from '../database/columns.js'

/** A user. Users are global. A membership gives a user rights in a tenant. */
export const users = pgTable(
  'users',
  {
    id: uuid('id').primaryKey(),
    /** Lower case, trimmed, NFC: the form for look-ups. */
    email: text('email').notNull(),
    name: text('name').notNull(),
    password_hash: text('password_hash').notNull(),
    email_verified_at: instant('email_verified_at'),
    disabled_at: instant('disabled_at'),
    /** Failed logins before this time do not count: an operator unlocked the user. */
    unlocked_at: instant('unlocked_at'),
    /** How often all sessions of the user were revoked at once. A login that read another number starts no session. */
    session_revocations: integer('session_revocations').notNull().default(0),
    created_at: instant('created_at').notNull(),
  },
  (t) => [uniqueIndex('users_email_key').on(t.email)],
)

/** A session: one login. When it ends, all its tokens stop working. */
export const sessions = pgTable(
  'sessions',
  {
    id: uuid('id').primaryKey(),
    user_id: uuid('user_id').notNull(),
    address: text('address'),
    user_agent: text('user_agent'),
    created_at: instant('created_at').notNull(),
    /** Absolute: a refresh does not extend it. */
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
 * Every refresh token of a session, by the SHA-256 of its secret. The current one is unused.
 *
 * `successor_salt` and the token together yield the successor. The gateway can return the same successor twice, and the
 * table holds no secret.
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

/** The token of a link in a mail, by the SHA-256 of its secret. It works once, for a limited time. */
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
    check('one_time_tokens_purpose_check', isOneOf(t.purpose, ONE_TIME_PURPOSES)),
  ],
)

export type UserRow = typeof users.$inferSelect
export type SessionRow = typeof sessions.$inferSelect
