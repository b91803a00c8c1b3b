-- Data plane: the tenant alone.
SELECT isolate('customers');
--> statement-breakpoint
-- Management plane: the tenant, and the platform, which finds out who calls before a tenant can be bound.
SELECT isolate('tenants', 'select, update (name, allowed_origins)', 'id'), open_to_platform('tenants', 'select, insert, update');
--> statement-breakpoint
SELECT isolate('tenant_keys', 'select, insert, update'), open_to_platform('tenant_keys', 'select, insert, update');
--> statement-breakpoint
SELECT isolate('roles'), open_to_platform('roles', 'select, insert');
--> statement-breakpoint
SELECT isolate('memberships'), open_to_platform('memberships', 'select, insert, update');
--> statement-breakpoint
SELECT isolate('membership_roles'), open_to_platform('membership_roles', 'select, insert');
--> statement-breakpoint
SELECT isolate('overrides'), open_to_platform('overrides', 'select');
--> statement-breakpoint
-- Append-only for everybody who serves requests.
SELECT isolate('audit_events', 'select, insert'), open_to_platform('audit_events', 'select, insert');
--> statement-breakpoint
-- Identities: the platform. A tenant sees of its members who they are, and never a password hash.
SELECT open_to_platform('users', 'select, insert, update'),
       open_to_platform('sessions', 'select, insert, update, delete'),
       open_to_platform('refresh_tokens', 'select, insert, update, delete'),
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
