-- What:     the index of the log by time summarizes 512 pages at once instead of 128.
-- Why:      an index of summaries is read whole. Among 8 million entries that took 0.3 ms, also in the scope of an
--           organization with ten, where PostgreSQL combines it with the organization's own; now 0.07 ms. A day of
--           such a log has some 300 pages, so summaries of 512 still lead to it.
-- Breaking: no. While it is built, which takes about as long as reading the log once (a second for a million
--           entries), destinations cannot be changed, nor the log read. Where that takes over a minute, or the
--           lock does not come within 5 seconds, nothing is changed; to try again, say
--             npx prisma migrate resolve --rolled-back 20261124000001_audit_log_longer_ranges
--           and deploy. On a large log, do it by hand, without locking anybody out:
--             ALTER INDEX public.idx_destination_audit_log_recorded_at SET (pages_per_range = 512);
--             REINDEX INDEX CONCURRENTLY public.idx_destination_audit_log_recorded_at;
--           then say
--             npx prisma migrate resolve --applied 20261124000001_audit_log_longer_ranges
--           and deploy again.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
SET LOCAL search_path = pg_catalog, pg_temp;

-- Before the index, in the order in which writers lock them: the other way round the two could wait for each other.
LOCK TABLE public.destination_audit_log IN ACCESS EXCLUSIVE MODE;
ALTER INDEX public.idx_destination_audit_log_recorded_at SET (pages_per_range = 512);
-- Not CONCURRENTLY here; see 20261123000030_audit_log_by_time.
-- squawk-ignore require-concurrent-reindex
REINDEX INDEX public.idx_destination_audit_log_recorded_at;
