-- Data plane: the tenant alone. Conversations are closed and messages emptied, never deleted.
SELECT isolate('conversations', 'select, insert, update');
--> statement-breakpoint
SELECT isolate('conversation_members');
--> statement-breakpoint
SELECT isolate('messages', 'select, insert, update');
--> statement-breakpoint
SELECT isolate('read_markers', 'select, insert, update');
--> statement-breakpoint
SELECT isolate('message_reports', 'select, insert, update');
--> statement-breakpoint
-- A ticket is what says which tenant it is for, so it is looked up before a tenant can be bound.
SELECT isolate('stream_tickets', 'select, insert'), open_to_platform('stream_tickets', 'select, update, delete');
