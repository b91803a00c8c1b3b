import { randomUUID } from 'node:crypto'
import type { Row } from '../../src/kernel/database/database.js'

/** Inserts one row into each table of conversations with SQL, for a tenant and its Owner, with the marker as text. */
export async function plantConversation(
  sql: (text: string) => Promise<Row[]>,
  tenant_id: string,
  user_id: string,
  mark: string,
) {
  const [id, message_id, report_id, session_id] = Array.from({ length: 4 }, () => randomUUID())
  await sql(`
    insert into conversations (tenant_id, id, title, customer_id, channel, status, assignee_id, visibility, last_seq, last_change, last_activity_at, version, created_at, updated_at)
      values ('${tenant_id}', '${id}', '${mark} talk', null, 'web', 'open', null, 'tenant', 1, 1, now(), 1, now(), now());
    insert into conversation_members (tenant_id, conversation_id, user_id, role, created_at)
      values ('${tenant_id}', '${id}', '${user_id}', 'owner', now());
    insert into messages (tenant_id, id, conversation_id, seq, created_change, change, author_kind, author_id, content, created_at)
      values ('${tenant_id}', '${message_id}', '${id}', 1, 1, 1, 'customer', '${randomUUID()}', '${mark} said', now());
    insert into read_markers (tenant_id, conversation_id, user_id, seq, updated_at)
      values ('${tenant_id}', '${id}', '${user_id}', 0, now());
    insert into message_reports (tenant_id, id, conversation_id, message_id, reporter_id, reason, content, author_kind, author_id, status, created_at)
      values ('${tenant_id}', '${report_id}', '${id}', '${message_id}', '${user_id}', '${mark} reason', '${mark} said', 'customer', '${randomUUID()}', 'pending', now());
    insert into sessions (id, user_id, created_at, expires_at) values ('${session_id}', '${user_id}', now(), now() + interval '1 day');
    insert into stream_tickets (tenant_id, id, digest, conversation_id, user_id, session_id, key_id, created_at, expires_at, used_at, key_digest, token_expires_at)
      values ('${tenant_id}', gen_random_uuid(), '${mark}', '${id}', '${user_id}', '${session_id}', 'AAAAAAAAAAAA', now(), now() + interval '1 day', null, '${mark}', now())`)
  return { id: id as string, message_id: message_id as string, report_id: report_id as string }
}
