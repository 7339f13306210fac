-- What:     takes what move-out.sql prints of one organization on another database, with ids, versions, times and the log.
-- Who:      a superuser, or on a managed server a role that owns the tables, is not bound by row level security (BYPASSRLS) and may
--           set session_replication_role: nobody else can write into the log.
-- Usage:    see docs/guides/shards.md.
-- Atomic:   everything is there in the end, or nothing.
\set ON_ERROR_STOP on
\set QUIET on

BEGIN;
SET LOCAL lock_timeout = '5s';
CREATE TEMPORARY TABLE moved (kind text NOT NULL, place text, content jsonb NOT NULL) ON COMMIT DROP;
\copy moved FROM pstdin

DO $$
DECLARE
  last jsonb := (SELECT content FROM moved WHERE kind = 'end');
  organization uuid := (last ->> 'organization')::uuid;
  missing text;
BEGIN
  IF last IS NULL OR (last ->> 'rows')::bigint <> (SELECT count(*) FROM moved WHERE kind <> 'end') THEN
    RAISE EXCEPTION 'what move-out.sql printed is not whole, so nothing was written'
      USING HINT = 'See what it said, and run both again.';
  END IF;
  IF NOT EXISTS (SELECT FROM public.organizations WHERE id = organization) THEN
    RAISE EXCEPTION 'organization % is not on this database', organization
      USING HINT = 'Create it here first, as your service does.';
  END IF;
  SELECT string_agg(DISTINCT named.id, ', ') INTO missing
    FROM moved, LATERAL (VALUES (content ->> 'created_by'), (content ->> 'updated_by')) AS named (id)
   WHERE kind = 'destinations' AND named.id IS NOT NULL
     AND NOT EXISTS (SELECT FROM public.users WHERE users.id = named.id::uuid);
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION 'destinations name users who are not on this database: %', missing
      USING HINT = 'Create them here first, as your service does.';
  END IF;
  IF EXISTS (SELECT FROM public.destinations WHERE organization_id = organization)
    OR EXISTS (SELECT FROM public.destination_audit_log WHERE organization_id = organization)
  THEN
    RAISE EXCEPTION 'this database has rows of organization % already', organization
      USING HINT = 'Remove what an earlier move left, by move-remove.sql, or choose another database.';
  END IF;
END
$$;

-- Triggers would refuse the log, count versions again and write an entry for each row.
SET LOCAL session_replication_role = replica;
INSERT INTO public.destination_data_keys
  SELECT (jsonb_populate_record(NULL::public.destination_data_keys, content)).* FROM moved WHERE kind = 'keys';
INSERT INTO public.destinations
  SELECT (jsonb_populate_record(NULL::public.destinations, content)).* FROM moved WHERE kind = 'destinations';
INSERT INTO public.destination_settings_history
  SELECT (jsonb_populate_record(NULL::public.destination_settings_history, content)).*
    FROM moved WHERE kind = 'settings';
-- Ids are this database's, in the order of before; so is the transaction, by which loaders and exports notice the entries.
INSERT INTO public.destination_audit_log
  (organization_id, destination_id, version, action, changes, settings_changed, configuration, actor_id, role, login,
   recorded_at, rotation_run, transaction_id)
  SELECT e.organization_id, e.destination_id, e.version, e.action, e.changes, e.settings_changed, e.configuration, e.actor_id,
         e.role, e.login, e.recorded_at, e.rotation_run, pg_current_xact_id()::text::bigint
    FROM moved, LATERAL jsonb_populate_record(NULL::public.destination_audit_log, content) AS e
   WHERE kind = 'log' ORDER BY place;
SELECT kind, count(*) AS moved FROM moved WHERE kind <> 'end' GROUP BY kind ORDER BY kind;
COMMIT;
