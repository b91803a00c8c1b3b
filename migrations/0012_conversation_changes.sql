-- Every write, edit and deletion of a message has a number in its conversation, so that a client that was away can ask for
-- what changed since one.
ALTER TABLE "messages" ADD COLUMN "created_change" integer;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "change" integer;--> statement-breakpoint
ALTER TABLE "conversations" ADD COLUMN "last_change" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
-- A message that exists has its seq as the number of its creation, so the place of a client before this release is a valid
-- place after it. Edits and deletions come after the newest message, in their order.
UPDATE messages m SET created_change = m.seq, change = numbered.change
FROM (
  SELECT tenant_id, id, CASE
      WHEN changed_at IS NULL THEN seq
      ELSE last_seq + row_number() OVER (PARTITION BY tenant_id, conversation_id, changed_at IS NULL ORDER BY changed_at, seq)
    END AS change
  FROM (
    SELECT e.tenant_id, e.conversation_id, e.id, e.seq, c.last_seq, greatest(e.edited_at, e.deleted_at) AS changed_at
    FROM messages e JOIN conversations c ON c.tenant_id = e.tenant_id AND c.id = e.conversation_id
  ) each
) numbered
WHERE numbered.tenant_id = m.tenant_id AND numbered.id = m.id;--> statement-breakpoint
UPDATE conversations c SET last_change = c.last_seq + (
  SELECT count(*) FROM messages m
  WHERE m.tenant_id = c.tenant_id AND m.conversation_id = c.id AND (m.edited_at IS NOT NULL OR m.deleted_at IS NOT NULL)
)
WHERE c.last_seq > 0;--> statement-breakpoint
ALTER TABLE "messages" ALTER COLUMN "created_change" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "messages" ALTER COLUMN "change" SET NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "messages_created_change_key" ON "messages" USING btree ("tenant_id","conversation_id","created_change");--> statement-breakpoint
CREATE UNIQUE INDEX "messages_change_key" ON "messages" USING btree ("tenant_id","conversation_id","change");--> statement-breakpoint
CREATE INDEX "messages_reply_to_index" ON "messages" USING btree ("tenant_id","conversation_id","reply_to") WHERE "messages"."reply_to" is not null;--> statement-breakpoint
-- Without statistics, which the embedded engine never has, the planner takes the newest of several indexes that begin with
-- the tenant and the conversation. Most statements look for a seq.
DROP INDEX "messages_seq_key";--> statement-breakpoint
CREATE UNIQUE INDEX "messages_seq_key" ON "messages" USING btree ("tenant_id","conversation_id","seq");--> statement-breakpoint
-- A reply can stay when the message that it refers to is deleted. And this foreign key does not look for each deleted row
-- again, as one without an action does.
ALTER TABLE "messages" DROP CONSTRAINT "messages_reply_to_fkey";--> statement-breakpoint
ALTER TABLE "messages" ADD CONSTRAINT "messages_reply_to_fkey" FOREIGN KEY ("tenant_id","conversation_id","reply_to") REFERENCES "public"."messages"("tenant_id","conversation_id","id") ON DELETE set null ("reply_to") ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "conversations_created_at_index" ON "conversations" USING btree ("tenant_id","created_at","id");--> statement-breakpoint
ALTER TABLE "messages" ADD CONSTRAINT "messages_change_check" CHECK ("messages"."seq" <= "messages"."created_change" and "messages"."created_change" <= "messages"."change");--> statement-breakpoint
ALTER TABLE "conversations" ADD CONSTRAINT "conversations_last_change_check" CHECK ("conversations"."last_change" >= "conversations"."last_seq");--> statement-breakpoint
-- Deletes the newest messages of a conversation of the bound tenant, and the conversation itself when it has no message left:
-- then the rows that belong to it go with it, by their foreign keys. Returns whether the conversation is deleted. The tenant
-- role cannot delete a message in another way, or change when it was written, so a flaw in the gateway cannot either.
CREATE FUNCTION delete_conversation(wanted uuid, rows_max integer) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  tenant uuid := current_tenant_id();
  first_seq integer := (SELECT min(n.seq) FROM (SELECT m.seq FROM messages m
    WHERE m.tenant_id = tenant AND m.conversation_id = wanted ORDER BY m.seq DESC LIMIT rows_max) n);
  deleted integer;
BEGIN
  -- Newest first, because a reply refers to an earlier message. By a range: a list of numbers would be compared with every
  -- message of the conversation, if the planner has no statistics.
  DELETE FROM messages m WHERE m.tenant_id = tenant AND m.conversation_id = wanted AND m.seq >= first_seq;
  GET DIAGNOSTICS deleted = ROW_COUNT;
  IF deleted = rows_max THEN
    RETURN false;
  END IF;
  DELETE FROM conversations c WHERE c.tenant_id = tenant AND c.id = wanted;
  RETURN true;
END $$;--> statement-breakpoint
-- With the temporary schema last: a caller's temporary table must not stand in for ours.
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION delete_conversation(uuid, integer) SET search_path = %I, pg_temp', current_schema());
END $$;--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION delete_conversation(uuid, integer) FROM PUBLIC;--> statement-breakpoint
GRANT EXECUTE ON FUNCTION delete_conversation(uuid, integer) TO gatehouse_tenant;--> statement-breakpoint
REVOKE UPDATE ON messages FROM gatehouse_tenant;--> statement-breakpoint
GRANT UPDATE (content, edited_at, deleted_at, change) ON messages TO gatehouse_tenant;
