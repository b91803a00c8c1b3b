-- Every change of a fact that authorisation reads, for the replicas that keep facts in memory. A trigger writes the row, so
-- that a change by psql or by a migration is seen too. The columns of a tenant are called of_tenant, because the rows belong
-- to the gateway and not to the tenant.
CREATE TABLE fact_changes (
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  about text NOT NULL CONSTRAINT fact_changes_about_check CHECK (about IN ('all', 'tenant', 'key', 'user', 'session', 'member')),
  of_tenant uuid,
  of_user uuid,
  id text,
  created_at timestamp (3) with time zone NOT NULL DEFAULT clock_timestamp()
);
--> statement-breakpoint
CREATE INDEX fact_changes_xid_index ON fact_changes (xid);
--> statement-breakpoint
-- The replicas that keep facts in memory. `fence` is the newest snapshot of which a replica has applied every change.
CREATE TABLE fact_replicas (
  id uuid PRIMARY KEY,
  fence pg_snapshot NOT NULL,
  seen_at timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
SELECT open_to_platform('fact_changes', 'select, delete');
--> statement-breakpoint
SELECT open_to_platform('fact_replicas', 'select, insert, update, delete');
--> statement-breakpoint
CREATE FUNCTION note_fact_change(about text, of_tenant uuid, of_user uuid, id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO fact_changes (about, of_tenant, of_user, id) VALUES ($1, $2, $3, $4);
  -- Many equal notifications of one transaction are sent once.
  PERFORM pg_notify('gatehouse_fact_changes', '');
END $$;
--> statement-breakpoint
-- One function for all tables. Its arguments are the subject of the change and the names of the columns of the tenant, the user and the id.
-- An update that moves a row to another subject is a change of both.
CREATE FUNCTION on_fact_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  subject record;
  fields jsonb;
  before_fields jsonb;
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    PERFORM note_fact_change('all', NULL, NULL, NULL);
    RETURN NULL;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    before_fields := to_jsonb(OLD);
    PERFORM note_fact_change(TG_ARGV[0], (before_fields ->> TG_ARGV[1])::uuid, (before_fields ->> TG_ARGV[2])::uuid,
      before_fields ->> TG_ARGV[3]);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    fields := to_jsonb(NEW);
    IF TG_OP = 'INSERT' OR (fields ->> TG_ARGV[1], fields ->> TG_ARGV[2], fields ->> TG_ARGV[3])
      IS DISTINCT FROM (before_fields ->> TG_ARGV[1], before_fields ->> TG_ARGV[2], before_fields ->> TG_ARGV[3]) THEN
      PERFORM note_fact_change(TG_ARGV[0], (fields ->> TG_ARGV[1])::uuid, (fields ->> TG_ARGV[2])::uuid, fields ->> TG_ARGV[3]);
    END IF;
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION note_fact_change(text, uuid, uuid, text), on_fact_change() FROM PUBLIC;
--> statement-breakpoint
-- The number of the running transaction, if it has changed a fact.
CREATE FUNCTION changed_facts_in() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT xid::text FROM fact_changes WHERE xid = pg_current_xact_id_if_assigned() LIMIT 1
$$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION changed_facts_in() FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION changed_facts_in() TO gatehouse_tenant, gatehouse_platform;
--> statement-breakpoint
-- Only columns that are facts count. A new tenant, key, user, session or role is no change, because nobody keeps that
-- something does not exist.
CREATE TRIGGER fact_changed AFTER UPDATE ON tenants FOR EACH ROW
  WHEN ((OLD.name, OLD.allowed_origins, OLD.requests_per_minute, OLD.trial_ends_at, OLD.suspended_at, OLD.suspended_until, OLD.deleted_at)
    IS DISTINCT FROM (NEW.name, NEW.allowed_origins, NEW.requests_per_minute, NEW.trial_ends_at, NEW.suspended_at, NEW.suspended_until, NEW.deleted_at))
  EXECUTE FUNCTION on_fact_change('tenant', 'id', '', '');
--> statement-breakpoint
CREATE TRIGGER fact_deleted AFTER DELETE ON tenants FOR EACH ROW EXECUTE FUNCTION on_fact_change('tenant', 'id', '', '');
--> statement-breakpoint
CREATE TRIGGER fact_changed AFTER UPDATE ON tenant_keys FOR EACH ROW
  WHEN ((OLD.name, OLD.scopes, OLD.secret_digest, OLD.secret_created_at, OLD.previous_digest, OLD.previous_expires_at, OLD.allowed_cidrs, OLD.requests_per_minute, OLD.expires_at, OLD.disabled_at, OLD.revoked_at)
    IS DISTINCT FROM (NEW.name, NEW.scopes, NEW.secret_digest, NEW.secret_created_at, NEW.previous_digest, NEW.previous_expires_at, NEW.allowed_cidrs, NEW.requests_per_minute, NEW.expires_at, NEW.disabled_at, NEW.revoked_at))
  EXECUTE FUNCTION on_fact_change('key', 'tenant_id', '', 'id');
--> statement-breakpoint
CREATE TRIGGER fact_deleted AFTER DELETE ON tenant_keys FOR EACH ROW EXECUTE FUNCTION on_fact_change('key', 'tenant_id', '', 'id');
--> statement-breakpoint
CREATE TRIGGER fact_changed AFTER UPDATE ON users FOR EACH ROW
  WHEN (OLD.disabled_at IS DISTINCT FROM NEW.disabled_at) EXECUTE FUNCTION on_fact_change('user', '', 'id', '');
--> statement-breakpoint
CREATE TRIGGER fact_deleted AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION on_fact_change('user', '', 'id', '');
--> statement-breakpoint
CREATE TRIGGER fact_changed AFTER UPDATE ON sessions FOR EACH ROW
  WHEN ((OLD.expires_at, OLD.ended_at) IS DISTINCT FROM (NEW.expires_at, NEW.ended_at))
  EXECUTE FUNCTION on_fact_change('session', '', 'user_id', 'id');
--> statement-breakpoint
-- The sweep deletes sessions that are over, thousands at once. They gave no right any more.
CREATE TRIGGER fact_deleted AFTER DELETE ON sessions FOR EACH ROW
  WHEN (OLD.ended_at IS NULL AND OLD.expires_at > now()) EXECUTE FUNCTION on_fact_change('session', '', 'user_id', 'id');
--> statement-breakpoint
CREATE TRIGGER fact_changed AFTER INSERT OR DELETE OR UPDATE ON operators FOR EACH ROW
  EXECUTE FUNCTION on_fact_change('user', '', 'user_id', '');
--> statement-breakpoint
CREATE TRIGGER fact_changed AFTER DELETE OR UPDATE ON memberships FOR EACH ROW
  EXECUTE FUNCTION on_fact_change('member', 'tenant_id', 'user_id', '');
--> statement-breakpoint
CREATE TRIGGER fact_changed AFTER INSERT OR DELETE OR UPDATE ON membership_roles FOR EACH ROW
  EXECUTE FUNCTION on_fact_change('member', 'tenant_id', 'user_id', '');
--> statement-breakpoint
CREATE TRIGGER fact_changed AFTER INSERT OR DELETE OR UPDATE ON overrides FOR EACH ROW
  EXECUTE FUNCTION on_fact_change('member', 'tenant_id', 'user_id', '');
--> statement-breakpoint
-- Any member can have the role.
CREATE TRIGGER fact_changed AFTER UPDATE ON roles FOR EACH ROW
  WHEN ((OLD.name, OLD.system_role, OLD.scopes) IS DISTINCT FROM (NEW.name, NEW.system_role, NEW.scopes))
  EXECUTE FUNCTION on_fact_change('tenant', 'tenant_id', '', '');
--> statement-breakpoint
CREATE TRIGGER fact_deleted AFTER DELETE ON roles FOR EACH ROW EXECUTE FUNCTION on_fact_change('tenant', 'tenant_id', '', '');
--> statement-breakpoint
DO $$
DECLARE
  target text;
BEGIN
  FOREACH target IN ARRAY ARRAY['tenants', 'tenant_keys', 'users', 'sessions', 'operators', 'memberships', 'membership_roles', 'overrides', 'roles'] LOOP
    EXECUTE format('CREATE TRIGGER facts_truncated AFTER TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION on_fact_change()', target);
  END LOOP;
END $$;
--> statement-breakpoint
-- Functions that run with the rights of the owner name their tables without a schema. Without a fixed path, a temporary table
-- of the caller would come first.
DO $$
DECLARE
  target regprocedure;
BEGIN
  FOR target IN SELECT oid FROM pg_proc WHERE prosecdef AND pronamespace = current_schema()::regnamespace LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', target, current_schema());
  END LOOP;
END $$;
