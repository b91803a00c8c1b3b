ALTER TABLE "operators" ALTER COLUMN "privileges" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "operators" ADD COLUMN "accepted_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "operators" ADD COLUMN "offered_privileges" text[];--> statement-breakpoint
ALTER TABLE "operators" ADD COLUMN "offered_by" uuid;--> statement-breakpoint
-- Earlier versions appointed operators without asking them. These operators stay.
UPDATE "operators" SET "accepted_at" = "created_at";--> statement-breakpoint
ALTER TABLE "operators" ADD CONSTRAINT "operators_consent_check" CHECK (("operators"."accepted_at" is null) = ("operators"."privileges" is null) and ("operators"."accepted_at" is null) = ("operators"."offered_privileges" is not null));--> statement-breakpoint
-- The gateway inserts offers only. With the check above, a row without consent has no privileges.
CREATE POLICY consent ON operators AS RESTRICTIVE FOR INSERT TO gatehouse_platform
  WITH CHECK (accepted_at IS NULL);
