-- The tenant of an event is the text that its digest was made from. A capital letter in it names the same tenant for the
-- column, which gives the id back in lower case, so the digest would no longer match and the chain could not be verified.
CREATE OR REPLACE FUNCTION append_audit_event(event jsonb, event_digest bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  tenant uuid := (event->>'tenant_id')::uuid;
  chain uuid := coalesce(tenant, '00000000-0000-0000-0000-000000000000');
  before audit_chains;
  next_hash bytea;
BEGIN
  IF current_setting('role') = 'gatehouse_tenant' AND tenant IS DISTINCT FROM current_tenant_id() THEN
    RAISE EXCEPTION 'an audit event of another tenant' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF event->>'tenant_id' <> tenant::text OR event->>'id' <> (event->>'id')::uuid::text THEN
    RAISE EXCEPTION 'an audit event with another spelling of an id' USING ERRCODE = 'data_exception';
  END IF;
  INSERT INTO audit_chains (tenant_id, length, hash) VALUES (chain, 0, '') ON CONFLICT DO NOTHING;
  SELECT * INTO before FROM audit_chains WHERE tenant_id = chain FOR UPDATE;
  next_hash := sha256(before.hash || event_digest);
  INSERT INTO audit_events (id, tenant_id, action, actor_kind, actor_id, target_kind, target_id, changes, address,
    user_agent, request_id, created_at, chain_seq, digest, hash)
  VALUES ((event->>'id')::uuid, tenant, event->>'action', event->>'actor_kind', event->>'actor_id',
    event->>'target_kind', event->>'target_id', event->'changes', event->>'address', event->>'user_agent',
    event->>'request_id', (event->>'created_at')::timestamptz, before.length + 1, event_digest, next_hash);
  UPDATE audit_chains SET length = before.length + 1, hash = next_hash WHERE tenant_id = chain;
END $$;
--> statement-breakpoint
-- A replaced function loses its settings.
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION append_audit_event(jsonb, bytea) SET search_path = %I, pg_temp', current_schema());
END $$;
