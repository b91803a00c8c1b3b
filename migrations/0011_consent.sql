ALTER TABLE "memberships" ADD COLUMN "accepted_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "memberships" ADD COLUMN "invited_by" uuid;--> statement-breakpoint
-- Earlier versions added members without asking them. These members stay.
UPDATE "memberships" SET "accepted_at" = "created_at" WHERE "state" <> 'pending';--> statement-breakpoint
ALTER TABLE "memberships" ADD CONSTRAINT "memberships_consent_check" CHECK (("memberships"."state" = 'pending') = ("memberships"."accepted_at" is null));--> statement-breakpoint
-- A tenant offers memberships and cannot accept them. With the check above, each membership that it inserts is pending,
-- and no update of it makes a pending membership active.
CREATE POLICY consent ON memberships AS RESTRICTIVE FOR INSERT TO gatehouse_tenant
  WITH CHECK (accepted_at IS NULL AND tenant_id = (SELECT current_tenant_id()));--> statement-breakpoint
REVOKE UPDATE ON memberships FROM gatehouse_tenant;--> statement-breakpoint
GRANT UPDATE (state, invited_by) ON memberships TO gatehouse_tenant;--> statement-breakpoint
-- A tenant sees who its members are after they have accepted. Otherwise the offer of a membership would reveal the email
-- and the name behind any id.
ALTER POLICY tenant_members ON users
  USING (EXISTS (SELECT FROM memberships m WHERE m.user_id = users.id AND m.tenant_id = (SELECT current_tenant_id())
    AND m.accepted_at IS NOT NULL));
