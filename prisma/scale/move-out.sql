-- What:     prints everything that this database has of one organization, for move-in.sql on another: its destinations, deleted ones
--           too, their earlier settings, its log and its data keys.
-- Who:      a login that may switch to service_role. It changes nothing.
-- Usage:    see docs/guides/shards.md.
\set ON_ERROR_STOP on
\set QUIET on
\pset tuples_only on

BEGIN READ ONLY;
SET LOCAL ROLE service_role;
SET LOCAL "request.jwt.claims" = '{"role":"service_role"}';
SET LOCAL TimeZone = 'UTC';
-- One statement sees one state of all tables. The last line says that nothing is missing before it.
COPY (
  WITH moved AS (
    SELECT 'destinations' AS kind, created_at::text AS place, to_jsonb(d) AS content
      FROM public.destinations AS d WHERE organization_id = :'organization'
    UNION ALL
    SELECT 'settings', replaced_at::text, to_jsonb(h)
      FROM public.destination_settings_history AS h WHERE organization_id = :'organization'
    UNION ALL
    SELECT 'log', lpad(id::text, 20, '0'), to_jsonb(l)
      FROM public.destination_audit_log AS l WHERE organization_id = :'organization'
    UNION ALL
    SELECT 'keys', created_at::text, to_jsonb(k)
      FROM public.destination_data_keys AS k WHERE organization_id = :'organization'
  )
  SELECT * FROM moved
  UNION ALL
  SELECT 'end', NULL, jsonb_build_object('organization', :'organization', 'rows', count(*)) FROM moved
) TO STDOUT;
COMMIT;
