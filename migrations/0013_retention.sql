CREATE TABLE "audit_links" (
	"tenant_id" uuid NOT NULL,
	"chain_seq" bigint NOT NULL,
	"digest" "bytea" NOT NULL,
	"hash" "bytea" NOT NULL,
	CONSTRAINT "audit_links_pkey" PRIMARY KEY("tenant_id","chain_seq")
);
--> statement-breakpoint
ALTER TABLE "tenants" ADD COLUMN "retention_messages_days" integer;--> statement-breakpoint
ALTER TABLE "tenants" ADD COLUMN "retention_data_audit_days" integer;--> statement-breakpoint
ALTER TABLE "tenants" ADD COLUMN "retention_usage_days" integer;--> statement-breakpoint
ALTER TABLE "tenants" ADD COLUMN "retention_from" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "idempotency_records" ADD COLUMN "object_id" text;--> statement-breakpoint
CREATE INDEX "idempotency_records_object_id_index" ON "idempotency_records" USING btree ("tenant_id","object_id");--> statement-breakpoint
CREATE INDEX "audit_events_data_index" ON "audit_events" USING btree ("tenant_id","created_at") WHERE "audit_events"."target_kind" in ('customer', 'conversation', 'conversation_member', 'message', 'message_report', 'stream_ticket');--> statement-breakpoint
CREATE INDEX "audit_events_values_index" ON "audit_events" USING btree ("tenant_id") WHERE target_kind = 'customer' and (changes ? 'before' or changes ? 'after');--> statement-breakpoint
ALTER TABLE "tenants" ADD CONSTRAINT "tenants_retention_check" CHECK ("tenants"."retention_messages_days" between 1 and 3650 and "tenants"."retention_data_audit_days" between 1 and 3650 and "tenants"."retention_usage_days" between 1 and 3650);--> statement-breakpoint
-- For the erasure of a customer, and for messages that expire.
CREATE INDEX "messages_customer_author_index" ON "messages" USING btree ("tenant_id","author_id","id") WHERE "author_kind" = 'customer';--> statement-breakpoint
CREATE INDEX "messages_created_at_index" ON "messages" USING btree ("tenant_id","created_at");--> statement-breakpoint
CREATE INDEX "message_reports_conversation_id_index" ON "message_reports" USING btree ("tenant_id","conversation_id","id");--> statement-breakpoint
CREATE INDEX "message_reports_customer_author_index" ON "message_reports" USING btree ("tenant_id","author_id","id") WHERE "author_kind" = 'customer';--> statement-breakpoint
SELECT isolate('audit_links', 'select');
--> statement-breakpoint
GRANT UPDATE (retention_messages_days, retention_data_audit_days, retention_usage_days) ON tenants TO gatehouse_tenant;
--> statement-breakpoint
-- A shorter retention deletes nothing for 24 hours, by the clock of the database. No role of the gateway can bring that
-- moment forward, so a mistake, or a stolen token, leaves time to set the retention back.
CREATE FUNCTION delay_shorter_retention() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  for_ever CONSTANT integer := 2147483647;
BEGIN
  NEW.retention_from := OLD.retention_from;
  IF coalesce(NEW.retention_messages_days, for_ever) < coalesce(OLD.retention_messages_days, for_ever)
    OR coalesce(NEW.retention_data_audit_days, for_ever) < coalesce(OLD.retention_data_audit_days, for_ever)
    OR coalesce(NEW.retention_usage_days, for_ever) < coalesce(OLD.retention_usage_days, for_ever) THEN
    NEW.retention_from := now() + interval '24 hours';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER tenants_retention BEFORE UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION delay_shorter_retention();
--> statement-breakpoint
-- The moment before which rows of the bound tenant have expired; null if its retention keeps them. It is taken from the
-- clock of the database and from the settings of the tenant, so that a caller can make nothing expire earlier.
CREATE FUNCTION expired_before(what text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT now() - make_interval(days => CASE what
    WHEN 'messages' THEN t.retention_messages_days
    WHEN 'data_audit' THEN t.retention_data_audit_days
    WHEN 'usage' THEN t.retention_usage_days END)
  FROM tenants t WHERE t.id = current_tenant_id() AND coalesce(t.retention_from, '-infinity') <= now()
$$;
--> statement-breakpoint
-- Deletes messages of the bound tenant that have expired, with their reports. Their numbers are not used again. Another
-- replica that runs at the same time skips the rows that are locked here.
CREATE FUNCTION delete_expired_messages(rows_max integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  tenant uuid := current_tenant_id();
  cutoff timestamptz := expired_before('messages');
  expired uuid[];
BEGIN
  IF cutoff IS NULL THEN
    RETURN 0;
  END IF;
  expired := ARRAY(SELECT m.id FROM messages m WHERE m.tenant_id = tenant AND m.created_at < cutoff
    ORDER BY m.created_at LIMIT rows_max FOR UPDATE SKIP LOCKED);
  DELETE FROM messages m WHERE m.tenant_id = tenant AND m.id = ANY (expired);
  RETURN cardinality(expired);
END $$;
--> statement-breakpoint
-- Deletes usage counters of the bound tenant that have expired.
CREATE FUNCTION delete_expired_usage(rows_max integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  tenant uuid := current_tenant_id();
  cutoff timestamptz := expired_before('usage');
  deleted integer;
BEGIN
  IF cutoff IS NULL THEN
    RETURN 0;
  END IF;
  DELETE FROM usage_hours u WHERE u.ctid = ANY (ARRAY(SELECT e.ctid FROM usage_hours e
    WHERE e.tenant_id = tenant AND e.hour < cutoff ORDER BY e.hour LIMIT rows_max FOR UPDATE SKIP LOCKED));
  GET DIAGNOSTICS deleted = ROW_COUNT;
  RETURN deleted;
END $$;
--> statement-breakpoint
-- Replaces audit events of the bound tenant by links, and returns their positions: events of the data plane that have
-- expired, and events of earlier releases with values of customers. It takes no other event, whoever calls it. The id of
-- an event, which no one can guess, goes with the event, so that a guess of its content cannot be compared with the digest.
CREATE FUNCTION erase_audit_events(rows_max integer) RETURNS bigint[] LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  tenant uuid := current_tenant_id();
  cutoff timestamptz := expired_before('data_audit');
  positions bigint[];
BEGIN
  positions := ARRAY(SELECT e.chain_seq FROM audit_events e WHERE e.tenant_id = tenant
    AND target_kind = 'customer' AND (changes ? 'before' OR changes ? 'after')
    LIMIT rows_max FOR UPDATE SKIP LOCKED);
  IF cutoff IS NOT NULL THEN
    positions := positions || ARRAY(SELECT e.chain_seq FROM audit_events e
      WHERE e.tenant_id = tenant AND e.created_at < cutoff AND e.chain_seq <> ALL (positions)
        AND e.target_kind IN ('customer', 'conversation', 'conversation_member', 'message', 'message_report', 'stream_ticket')
      ORDER BY e.created_at LIMIT rows_max - cardinality(positions) FOR UPDATE SKIP LOCKED);
  END IF;
  WITH erased AS (
    DELETE FROM audit_events e WHERE e.tenant_id = tenant AND e.chain_seq = ANY (positions)
    RETURNING e.chain_seq, e.digest, e.hash)
  INSERT INTO audit_links (tenant_id, chain_seq, digest, hash) SELECT tenant, chain_seq, digest, hash FROM erased;
  RETURN positions;
END $$;
--> statement-breakpoint
-- With the temporary schema last: a caller's temporary table must not stand in for ours.
DO $$
DECLARE
  signature text;
BEGIN
  FOREACH signature IN ARRAY ARRAY['delay_shorter_retention()', 'expired_before(text)', 'delete_expired_messages(integer)',
    'delete_expired_usage(integer)', 'erase_audit_events(integer)'] LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema());
  END LOOP;
END $$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION delay_shorter_retention(), expired_before(text), delete_expired_messages(integer),
  delete_expired_usage(integer), erase_audit_events(integer) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION delete_expired_messages(integer), delete_expired_usage(integer), erase_audit_events(integer)
  TO gatehouse_tenant;
