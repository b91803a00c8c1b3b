CREATE INDEX "audit_events_request_index" ON "audit_events" USING btree ("tenant_id","request_id","chain_seq");--> statement-breakpoint
CREATE INDEX "audit_events_request_seq_index" ON "audit_events" USING btree ("request_id","seq");--> statement-breakpoint
-- The reason of a suspension is a fact: the refusal says it to members.
DROP TRIGGER fact_changed ON tenants;--> statement-breakpoint
CREATE TRIGGER fact_changed AFTER UPDATE ON tenants FOR EACH ROW
  WHEN ((OLD.name, OLD.allowed_origins, OLD.requests_per_minute, OLD.trial_ends_at, OLD.suspended_at, OLD.suspended_until, OLD.suspension_reason, OLD.deleted_at)
    IS DISTINCT FROM (NEW.name, NEW.allowed_origins, NEW.requests_per_minute, NEW.trial_ends_at, NEW.suspended_at, NEW.suspended_until, NEW.suspension_reason, NEW.deleted_at))
  EXECUTE FUNCTION on_fact_change('tenant', 'id', '', '');
