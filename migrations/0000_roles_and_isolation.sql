-- The two roles that the gateway acts as. Neither can log in; the gateway's own login holds them without inheriting,
-- so that a statement that was never bound may read nothing at all.
DO $$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['gatehouse_tenant', 'gatehouse_platform'] LOOP
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOBYPASSRLS', role_name);
      END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL; -- Roles belong to the whole server: another database's migration may have been first.
    END;
  END LOOP;
END $$;
--> statement-breakpoint
DO $$
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO gatehouse_tenant, gatehouse_platform', current_schema());
  EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', current_schema());
END $$;
--> statement-breakpoint
-- The tenant that the running transaction is bound to. Loud on purpose: unbound is a mistake, not an empty list.
CREATE FUNCTION current_tenant_id() RETURNS uuid LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
  bound text := current_setting('app.tenant_id', true);
BEGIN
  IF bound IS NULL OR bound = '' THEN
    RAISE EXCEPTION 'no tenant is bound to this transaction' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN bound::uuid;
END $$;
--> statement-breakpoint
-- Gives a table of a tenant its wall: what the role of tenants may do, and only to rows of the bound tenant.
CREATE FUNCTION isolate(target regclass, privileges text DEFAULT 'select, insert, update, delete', tenant_column text DEFAULT 'tenant_id')
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
  EXECUTE format(
    'CREATE POLICY tenant_isolation ON %s FOR ALL TO gatehouse_tenant USING (%2$I = (SELECT current_tenant_id())) WITH CHECK (%2$I = (SELECT current_tenant_id()))',
    target, tenant_column);
  EXECUTE format('GRANT %s ON %s TO gatehouse_tenant', privileges, target);
END $$;
--> statement-breakpoint
-- Opens a table to the platform: identities, memberships and credentials, never the data of a tenant.
CREATE FUNCTION open_to_platform(target regclass, privileges text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
  EXECUTE format('CREATE POLICY platform_access ON %s FOR ALL TO gatehouse_platform USING (true) WITH CHECK (true)', target);
  EXECUTE format('GRANT %s ON %s TO gatehouse_platform', privileges, target);
END $$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION isolate(regclass, text, text), open_to_platform(regclass, text) FROM PUBLIC;
