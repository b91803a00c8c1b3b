CREATE TABLE "known_users" (
	"tenant_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"name" text NOT NULL,
	CONSTRAINT "known_users_pkey" PRIMARY KEY("tenant_id","user_id")
);
--> statement-breakpoint
ALTER TABLE "known_users" ADD CONSTRAINT "known_users_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "known_users" ADD CONSTRAINT "known_users_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "known_users_user_id_index" ON "known_users" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "tenant_keys_unrevoked_index" ON "tenant_keys" USING btree ("tenant_id","id") WHERE "tenant_keys"."revoked_at" is null;--> statement-breakpoint
SELECT isolate('known_users', 'select');
--> statement-breakpoint
-- Two triggers write the names. Each takes the lock of the user, so that a membership that is accepted while the user changes
-- their name does not keep the name from before. It is an advisory lock, because a lock of the row of the user would wait for
-- transactions that hold it and wait for a session.
CREATE FUNCTION lock_known_user(user_id uuid) RETURNS void LANGUAGE sql AS $$
  SELECT pg_advisory_xact_lock(hashtextextended('known_users ' || $1::text, 0))
$$;
--> statement-breakpoint
CREATE FUNCTION on_membership_accepted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM lock_known_user(NEW.user_id);
  INSERT INTO known_users (tenant_id, user_id, name)
  SELECT NEW.tenant_id, u.id, u.name FROM users u WHERE u.id = NEW.user_id ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE FUNCTION on_user_renamed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM lock_known_user(NEW.id);
  UPDATE known_users k SET name = NEW.name WHERE k.user_id = NEW.id;
  RETURN NULL;
END $$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION lock_known_user(uuid), on_membership_accepted(), on_user_renamed() FROM PUBLIC;
--> statement-breakpoint
-- A pending membership shows no name: the user has not consented.
CREATE TRIGGER membership_accepted AFTER INSERT OR UPDATE OF accepted_at ON memberships FOR EACH ROW
  WHEN (NEW.accepted_at IS NOT NULL) EXECUTE FUNCTION on_membership_accepted();
--> statement-breakpoint
CREATE TRIGGER user_renamed AFTER UPDATE OF name ON users FOR EACH ROW
  WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION on_user_renamed();
--> statement-breakpoint
DO $$
DECLARE
  target regprocedure;
BEGIN
  FOR target IN SELECT oid FROM pg_proc WHERE prosecdef AND pronamespace = current_schema()::regnamespace LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', target, current_schema());
  END LOOP;
END $$;
--> statement-breakpoint
INSERT INTO known_users (tenant_id, user_id, name)
SELECT m.tenant_id, u.id, u.name FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.accepted_at IS NOT NULL;
--> statement-breakpoint
-- Users who have left, as far as something still tells of their membership: its removal in the audit, or a message, which only
-- a member can write.
INSERT INTO known_users (tenant_id, user_id, name)
SELECT e.tenant_id, u.id, u.name FROM audit_events e JOIN users u ON u.id::text = e.target_id
WHERE e.action = 'member.removed' AND e.tenant_id IS NOT NULL AND e.changes->'before'->>'state' IN ('active', 'disabled')
ON CONFLICT DO NOTHING;
--> statement-breakpoint
INSERT INTO known_users (tenant_id, user_id, name)
SELECT DISTINCT m.tenant_id, u.id, u.name FROM messages m JOIN users u ON u.id::text = m.author_id WHERE m.author_kind = 'user'
ON CONFLICT DO NOTHING;
