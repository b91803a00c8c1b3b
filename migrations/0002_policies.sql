-- Data plane: the tenant alone.
SELECT isolate('customers');
--> statement-breakpoint
-- Management plane: the tenant, and the platform, which finds out who calls before a tenant can be bound.
SELECT isolate('tenants', 'select, update (name, allowed_origins, deleted_at)', 'id'), open_to_platform('tenants', 'select, insert, update');
--> statement-breakpoint
SELECT isolate('tenant_keys', 'select, insert, update'), open_to_platform('tenant_keys', 'select, insert, update');
--> statement-breakpoint
SELECT isolate('roles'), open_to_platform('roles', 'select, insert');
--> statement-breakpoint
SELECT isolate('memberships'), open_to_platform('memberships', 'select, insert, update, delete');
--> statement-breakpoint
SELECT isolate('membership_roles'), open_to_platform('membership_roles', 'select, insert');
--> statement-breakpoint
SELECT isolate('overrides'), open_to_platform('overrides', 'select');
--> statement-breakpoint
-- Append-only: read by those who serve requests, written by one function.
SELECT isolate('audit_events', 'select'), open_to_platform('audit_events', 'select');
--> statement-breakpoint
SELECT isolate('audit_chains', 'select'), open_to_platform('audit_chains', 'select');
--> statement-breakpoint
-- The one way to write an audit event: at the end of its chain, which is held until the transaction ends. The roles of
-- the gateway may not write to the table, so they can neither change an event nor write one beside the chain.
CREATE FUNCTION append_audit_event(event jsonb, event_digest bytea) RETURNS void
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
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION append_audit_event(jsonb, bytea) SET search_path = %I, pg_temp', current_schema());
END $$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION append_audit_event(jsonb, bytea) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION append_audit_event(jsonb, bytea) TO gatehouse_tenant, gatehouse_platform;
--> statement-breakpoint
SELECT isolate('invitations', 'select, insert, update'), open_to_platform('invitations', 'select, update');
--> statement-breakpoint
SELECT isolate('invitation_roles'), open_to_platform('invitation_roles', 'select');
--> statement-breakpoint
-- Counted by the platform for every tenant; read by each tenant for itself.
SELECT isolate('usage_hours', 'select'), open_to_platform('usage_hours', 'select, insert, update');
--> statement-breakpoint
SELECT isolate('idempotency_records'), open_to_platform('idempotency_records', 'select, insert, update, delete');
--> statement-breakpoint
-- Identities: the platform. A tenant sees of its members who they are, and never a password hash.
SELECT open_to_platform('users', 'select, insert, update'),
       open_to_platform('sessions', 'select, insert, update, delete'),
       open_to_platform('refresh_tokens', 'select, insert, update, delete'),
       open_to_platform('one_time_tokens', 'select, insert, update, delete'),
       open_to_platform('operators', 'select, insert, update, delete');
--> statement-breakpoint
CREATE POLICY tenant_members ON users FOR SELECT TO gatehouse_tenant
  USING (EXISTS (SELECT FROM memberships m WHERE m.user_id = users.id AND m.tenant_id = (SELECT current_tenant_id())));
--> statement-breakpoint
GRANT SELECT (id, email, name, disabled_at, created_at) ON users TO gatehouse_tenant;
--> statement-breakpoint
-- Whoever manages members may add a user by a verified email. It answers for one address and lists nothing.
CREATE FUNCTION find_user_by_email(wanted text) RETURNS TABLE (id uuid, is_verified boolean)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT u.id, u.email_verified_at IS NOT NULL FROM users u WHERE u.email = wanted AND u.disabled_at IS NULL
$$;
--> statement-breakpoint
CREATE FUNCTION find_user_by_id(wanted uuid) RETURNS TABLE (id uuid, is_verified boolean)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT u.id, u.email_verified_at IS NOT NULL FROM users u WHERE u.id = wanted AND u.disabled_at IS NULL
$$;
--> statement-breakpoint
-- With the temporary schema last: a caller's temporary table must not stand in for ours.
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION find_user_by_email(text) SET search_path = %I, pg_temp', current_schema());
  EXECUTE format('ALTER FUNCTION find_user_by_id(uuid) SET search_path = %I, pg_temp', current_schema());
END $$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION find_user_by_email(text), find_user_by_id(uuid) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION find_user_by_email(text), find_user_by_id(uuid) TO gatehouse_tenant;
