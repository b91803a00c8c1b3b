DROP INDEX "audit_events_tenant_id_index";--> statement-breakpoint
CREATE INDEX "audit_events_tenant_chain_index" ON "audit_events" USING btree ("tenant_id","chain_seq");