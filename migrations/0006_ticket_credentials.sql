-- A ticket works for seconds: those from before have no place for what is demanded now.
DELETE FROM "stream_tickets";--> statement-breakpoint
ALTER TABLE "stream_tickets" ADD COLUMN "key_digest" "bytea" NOT NULL;--> statement-breakpoint
ALTER TABLE "stream_tickets" ADD COLUMN "token_expires_at" timestamp (3) with time zone NOT NULL;