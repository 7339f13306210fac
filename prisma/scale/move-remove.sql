-- What:     removes an organization's rows that move-in.sql took to another database, its log included. One entry that stays says who removed how
--           many entries, as where retention removes some.
-- Who:      as for move-in.sql.
-- Usage:    see docs/guides/shards.md. There is no way back: look at the new database first.
\set ON_ERROR_STOP on
\set QUIET on

BEGIN;
SET LOCAL lock_timeout = '5s';
-- Triggers would refuse it, or write that the destinations were purged.
SET LOCAL session_replication_role = replica;
CREATE TEMPORARY TABLE removed (kind text NOT NULL, id bigint, recorded_at timestamptz) ON COMMIT DROP;
WITH gone AS (DELETE FROM public.destinations WHERE organization_id = :'organization' RETURNING 1)
  INSERT INTO removed SELECT 'destinations' FROM gone;
WITH gone AS (DELETE FROM public.destination_settings_history WHERE organization_id = :'organization' RETURNING 1)
  INSERT INTO removed SELECT 'settings' FROM gone;
WITH gone AS (DELETE FROM public.destination_data_keys WHERE organization_id = :'organization' RETURNING 1)
  INSERT INTO removed SELECT 'keys' FROM gone;
WITH gone AS (
  DELETE FROM public.destination_audit_log WHERE organization_id = :'organization' RETURNING id, recorded_at)
  INSERT INTO removed SELECT 'log', id, recorded_at FROM gone;
INSERT INTO public.destination_audit_log (action, changes, role, login, transaction_id)
  SELECT 'log_pruned',
         jsonb_build_object(
           'organization_id', jsonb_build_object('old', :'organization'),
           'entries', jsonb_build_object('old', count(*)),
           'first_id', jsonb_build_object('old', min(id)::text),
           'last_id', jsonb_build_object('old', max(id)::text),
           'recorded_at', jsonb_build_object('old', max(recorded_at))),
         coalesce(nullif(current_setting('role'), 'none'), session_user), session_user, pg_current_xact_id()::text::bigint
    FROM removed WHERE kind = 'log' HAVING count(*) > 0;
SELECT kind, count(*) AS removed FROM removed GROUP BY kind ORDER BY kind;
COMMIT;
