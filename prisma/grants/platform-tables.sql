-- Reading organizations and users through destinations, where the platform had these tables already.
--
-- The migrations give nothing on tables that they did not create. Without this script everything works
-- but what reads those two tables: Prisma's `include: { organization: true }`, relation filters and
-- nested writes from an organization or a user are refused (SQLSTATE 42501).
--
-- Run it as the owner of the two tables, after the migrations; running it again does no harm, and a table that the
-- migrations created stays as they made it:
--   psql "$OWNER_URL" --single-transaction -v ON_ERROR_STOP=1 -f platform-tables.sql
--
-- Before the migrations, whoever runs them needs, where it does not own the tables:
--   GRANT REFERENCES (id) ON public.organizations, public.users TO the_migrator;

SET LOCAL search_path = pg_catalog, pg_temp;

GRANT USAGE ON SCHEMA public TO authenticated, service_role;

-- Tenants get to see the ids of other tenants unless row level security is on. Turning it on would
-- change the platform's own access, so that is left to its owner:
--   ALTER TABLE public.organizations ENABLE ROW LEVEL SECURITY;
--   ALTER TABLE public.users ENABLE ROW LEVEL SECURITY;
-- Policies that exist stay; these add the tenant's own organization, and the user who acts.
DO $$
DECLARE
  platform record;
BEGIN
  FOR platform IN
    SELECT c.relname AS name, c.relrowsecurity AS protected, claim
      FROM (VALUES ('organizations', 'organization_id'), ('users', 'sub')) AS wanted (name, claim)
      JOIN pg_catalog.pg_class c
        ON c.relnamespace = 'public'::regnamespace AND c.relname = wanted.name
     -- What the migrations created has its policies and grants from them.
     WHERE obj_description(c.oid, 'pg_class')
       IS DISTINCT FROM 'Created by @consent-io/destinations, because the platform had no such table.'
  LOOP
    -- `id` is the only column that this package's Prisma schema knows.
    EXECUTE format('GRANT SELECT (id) ON public.%I TO service_role', platform.name);
    IF NOT platform.protected THEN
      RAISE WARNING 'public.% has no row level security: tenants get no access to it', platform.name;
      CONTINUE;
    END IF;
    EXECUTE format('GRANT SELECT (id) ON public.%I TO authenticated', platform.name);
    EXECUTE format('DROP POLICY IF EXISTS %I ON public.%I',
      platform.name || '_tenant_isolation', platform.name);
    EXECUTE format(
      'CREATE POLICY %I ON public.%I FOR SELECT TO authenticated
         USING (id = (SELECT public.destinations_claim(%L)))',
      platform.name || '_tenant_isolation', platform.name, platform.claim);
    EXECUTE format('DROP POLICY IF EXISTS %I ON public.%I',
      platform.name || '_service_access', platform.name);
    EXECUTE format(
      'CREATE POLICY %I ON public.%I FOR SELECT TO service_role USING (true)',
      platform.name || '_service_access', platform.name);
  END LOOP;
END
$$;
