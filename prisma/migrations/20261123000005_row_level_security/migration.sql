-- What:     row level security and grants on destinations; on organizations and users as well where
--           the first migration created them.
-- Why:      each organization sees and changes its own destinations only, whatever the query says.
-- Breaking: no. Tables of the platform that existed get nothing from here: see
--           prisma/grants/platform-tables.sql, which their owner runs.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
SET LOCAL search_path = pg_catalog, pg_temp;

-- FORCE: the owner would see everything otherwise. Backfills and dumps run as service_role.
ALTER TABLE public.destinations ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.destinations FORCE ROW LEVEL SECURITY;

-- Uuid against uuid, so that the index serves, and in a sub-select, so that it runs once a query.
-- `deleted_at` must stay out: a soft delete would make a row that its own policy refuses.
--
-- A plpgsql function costs a read some 15 µs in each transaction. Claims that begin as this package's
-- client writes them are JSON, and are read in place; all others, which may be anything, by the function.
-- Whoever sets such a beginning with something broken behind it gets an error instead of no rows.
CREATE POLICY destinations_organization_isolation ON public.destinations
  FOR ALL TO authenticated
  USING (organization_id = (
    SELECT CASE
      WHEN given.claims LIKE '{"role":"authenticated","organization_id":"%'
      THEN (given.claims::jsonb ->> 'organization_id')::uuid
      ELSE public.destinations_claim('organization_id')
    END
    FROM (SELECT current_setting('request.jwt.claims', true) AS claims) AS given))
  WITH CHECK (organization_id = (SELECT public.destinations_claim('organization_id')));

CREATE POLICY destinations_service_access ON public.destinations
  FOR ALL TO service_role
  USING (true)
  WITH CHECK (true);

-- Restrictive: a permissive policy would change nothing, for there is no access without one, and a
-- later permissive one for anon would open the table.
CREATE POLICY destinations_no_anonymous ON public.destinations
  AS RESTRICTIVE FOR ALL TO anon
  USING (false)
  WITH CHECK (false);

-- Hosts such as Supabase grant everything on new tables by default, TRUNCATE included, which no
-- policy covers.
REVOKE ALL ON public.destinations FROM PUBLIC, authenticated, service_role, anon;

-- Tenants delete softly, so no DELETE. UPDATE by column, because on the table it would also allow
-- LOCK TABLE in every mode; what a tenant may change is up to the trigger, which says what is wrong.
GRANT SELECT, INSERT, UPDATE (
  id, organization_id, type, name, description, environment, settings, settings_encrypted,
  required_consent, enabled, test_mode, last_tested_at, connection_status, last_error, deleted_at,
  version, created_at, updated_at, created_by, updated_by
) ON public.destinations TO authenticated;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.destinations TO service_role;

-- A tenant sees its own organization and the user who acts. Foreign keys are checked beside the policies.
DO $$
DECLARE
  own record;
BEGIN
  FOR own IN
    SELECT c.relname AS name, claim
      FROM (VALUES ('organizations', 'organization_id'), ('users', 'sub')) AS platform (name, claim)
      JOIN pg_catalog.pg_class c
        ON c.relnamespace = 'public'::regnamespace AND c.relname = platform.name
     WHERE obj_description(c.oid, 'pg_class')
       = 'Created by @consent-io/destinations, because the platform had no such table.'
  LOOP
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', own.name);
    EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', own.name);
    EXECUTE format(
      'CREATE POLICY %I ON public.%I FOR SELECT TO authenticated
         USING (id = (SELECT public.destinations_claim(%L)))',
      own.name || '_tenant_isolation', own.name, own.claim);
    EXECUTE format(
      'CREATE POLICY %I ON public.%I FOR ALL TO service_role USING (true) WITH CHECK (true)',
      own.name || '_service_access', own.name);
    EXECUTE format('REVOKE ALL ON public.%I FROM PUBLIC, authenticated, service_role, anon', own.name);
    EXECUTE format('GRANT SELECT ON public.%I TO authenticated', own.name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON public.%I TO service_role', own.name);
  END LOOP;
END
$$;
