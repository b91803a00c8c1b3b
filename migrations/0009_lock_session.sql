-- Whether a session is active now, for a writer that is bound to a tenant. It locks the session until the end of the
-- transaction, so that a change that ends the session waits or comes first. A tenant sees nothing else of a session.
CREATE FUNCTION lock_session(wanted uuid, holder uuid, at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM FROM sessions s WHERE s.id = wanted AND s.user_id = holder AND s.ended_at IS NULL AND s.expires_at > at FOR SHARE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  RETURN EXISTS (SELECT FROM users u WHERE u.id = holder AND u.disabled_at IS NULL);
END $$;
--> statement-breakpoint
-- With the temporary schema last: a caller's temporary table must not stand in for ours.
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION lock_session(uuid, uuid, timestamptz) SET search_path = %I, pg_temp', current_schema());
END $$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION lock_session(uuid, uuid, timestamptz) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION lock_session(uuid, uuid, timestamptz) TO gatehouse_tenant, gatehouse_platform;
