-- What:     an index of the log by time.
-- Why:      what happened since, or on one day, across all organizations, read the whole log: 1.7 million
--           entries for a hundred of them. Entries come in the order of time and never change, so a summary
--           of page ranges is enough: a few pages, which cost a write next to nothing.
-- Breaking: no. While it is built, which takes about as long as reading the log once (a second for a million
--           entries), destinations cannot be changed. Where that takes over a minute, or the lock does not
--           come within 5 seconds, nothing is changed. On a large log, build it first by hand, without
--           locking anybody out; then this finds it there:
--             CREATE INDEX CONCURRENTLY idx_destination_audit_log_recorded_at
--               ON public.destination_audit_log USING brin (recorded_at) WITH (autosummarize = on);
--           Where this has failed already, build it so, say
--             npx prisma migrate resolve --rolled-back 20261123000030_audit_log_by_time
--           and deploy again.
--
-- Not CONCURRENTLY here: it waits for whoever has a snapshot, and a second `migrate deploy` has one while it
-- waits for Prisma's lock, which the first holds. PostgreSQL ends one of the two as deadlocked (tried).

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
SET LOCAL search_path = pg_catalog, pg_temp;

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX IF NOT EXISTS idx_destination_audit_log_recorded_at
  ON public.destination_audit_log USING brin (recorded_at) WITH (autosummarize = on);
