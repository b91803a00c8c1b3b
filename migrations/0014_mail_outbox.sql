CREATE TABLE "mailbox_counts" (
	"kind" text NOT NULL,
	"mailbox" "bytea" NOT NULL,
	"used" integer NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "mailbox_counts_pkey" PRIMARY KEY("kind","mailbox"),
	CONSTRAINT "mailbox_counts_kind_check" CHECK ("mailbox_counts"."kind" in ('password_reset', 'email_verification', 'invitation'))
);
--> statement-breakpoint
CREATE TABLE "mails" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid,
	"invitation_id" uuid,
	"kind" text NOT NULL,
	"link_digest" "bytea" NOT NULL,
	"mailbox" "bytea" NOT NULL,
	"content" "bytea" NOT NULL,
	"sealed_by" text NOT NULL,
	"is_counted" boolean NOT NULL,
	"tries" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"due_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "mails_kind_check" CHECK ("mails"."kind" in ('password_reset', 'email_verification', 'invitation')),
	CONSTRAINT "mails_invitation_check" CHECK (("mails"."kind" = 'invitation') = ("mails"."tenant_id" is not null) and ("mails"."tenant_id" is null) = ("mails"."invitation_id" is null))
);
--> statement-breakpoint
-- Of invitations from before, only the time of the one try is known. It succeeded, or its failure is in the log.
ALTER TABLE "invitations" ADD COLUMN "delivery_state" text;--> statement-breakpoint
ALTER TABLE "invitations" ADD COLUMN "delivery_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "invitations" ADD COLUMN "delivery_failure" text;--> statement-breakpoint
UPDATE "invitations" SET "delivery_state" = 'sent', "delivery_at" = "sent_at";--> statement-breakpoint
ALTER TABLE "invitations" ALTER COLUMN "delivery_state" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "invitations" ALTER COLUMN "delivery_at" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "mails" ADD CONSTRAINT "mails_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "mails" ADD CONSTRAINT "mails_invitation_fkey" FOREIGN KEY ("tenant_id","invitation_id") REFERENCES "public"."invitations"("tenant_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "mailbox_counts_expires_at_index" ON "mailbox_counts" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "mails_due_at_index" ON "mails" USING btree ("kind","due_at");--> statement-breakpoint
CREATE INDEX "mails_tenant_id_index" ON "mails" USING btree ("tenant_id","invitation_id");--> statement-breakpoint
ALTER TABLE "invitations" DROP COLUMN "sent_at";--> statement-breakpoint
ALTER TABLE "invitations" ADD CONSTRAINT "invitations_delivery_state_check" CHECK ("invitations"."delivery_state" in ('queued', 'sent', 'failed'));--> statement-breakpoint
ALTER TABLE "invitations" ADD CONSTRAINT "invitations_delivery_failure_check" CHECK ("invitations"."delivery_failure" in ('address_refused', 'mail_refused', 'timed_out', 'link_ended'));--> statement-breakpoint
ALTER TABLE "invitations" ADD CONSTRAINT "invitations_delivery_check" CHECK (("invitations"."delivery_state" = 'failed') = ("invitations"."delivery_failure" is not null));--> statement-breakpoint
-- A tenant queues the mails of its own invitations. The sender is of the platform, and takes the mails of all tenants.
SELECT isolate('mails', 'select, insert, delete'), open_to_platform('mails', 'select, insert, update, delete');
--> statement-breakpoint
-- What all tenants together sent to a mailbox, so no tenant may read it.
SELECT open_to_platform('mailbox_counts', 'select, insert, update, delete');
