-- What:     the roles authenticated, service_role, anon and destinations_loader, auth.jwt(), and
--           destinations_claim(), by which policies read who a tenant is.
-- Why:      destinations_loader and the last are this package's own, the others come with Supabase and nowhere
--           else. What exists stays as it is. Before the tables, so that each of them is closed to these roles
--           in the transaction that creates it.
-- Breaking: no.
--
-- The login that runs it needs CREATEROLE only where a role is missing.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['authenticated', 'service_role', 'anon', 'destinations_loader'] LOOP
    CONTINUE WHEN EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted);
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', wanted);
    EXCEPTION
      -- Roles belong to the whole server: the migration of another database was faster.
      WHEN duplicate_object OR unique_violation THEN NULL;
      WHEN insufficient_privilege THEN
        RAISE EXCEPTION USING
          ERRCODE = 'insufficient_privilege',
          MESSAGE = format('role %I does not exist, and %I may not create it', wanted, current_user),
          HINT = format('Have an administrator run: CREATE ROLE %I NOLOGIN NOINHERIT; then deploy again.', wanted);
    END;
  END LOOP;
END
$$;

-- auth.jwt(), by the same rules as Supabase's, for policies of the host's own. Nothing of this package
-- calls it: a function that others own may change, and Supabase's fails on malformed claims.
DO $$
BEGIN
  -- Catalogs, not to_regprocedure: that fails without USAGE on the schema.
  IF EXISTS (
    SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname = 'auth' AND p.proname = 'jwt' AND p.pronargs = 0
  ) THEN
    RETURN;
  END IF;

  IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'auth') THEN
    CREATE SCHEMA auth;
    GRANT USAGE ON SCHEMA auth TO authenticated, service_role, anon;
  ELSIF NOT has_schema_privilege('auth', 'CREATE') THEN
    RAISE NOTICE 'auth.jwt() was not created: schema auth belongs to another role. This package does not need it.';
    RETURN;
  END IF;

  CREATE FUNCTION auth.jwt() RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
  AS $jwt$
    SELECT coalesce(
      nullif(current_setting('request.jwt.claims', true), ''),
      nullif(current_setting('request.jwt.claim', true), '')
    )::jsonb
  $jwt$;
  REVOKE ALL ON FUNCTION auth.jwt() FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION auth.jwt() TO authenticated, service_role, anon;
END
$$;

-- A claim as a uuid. NULL where it is missing or anything else but a uuid, so that a policy which
-- compares with it lets nothing through; a plain cast would fail the query instead.
--
-- `request.jwt.claims` is taken whole: the older settings, one a claim, are read only where it is empty.
-- Otherwise a claim that it lacks could come from somewhere else. A setting that was only ever set locally
-- reads as '' after its transaction, hence nullif.
--
-- STABLE, so that PostgreSQL evaluates it once for a query when it stands in a sub-select. PARALLEL UNSAFE,
-- because an exception block cannot run in parallel mode before PostgreSQL 17.
CREATE FUNCTION public.destinations_claim(claim text) RETURNS uuid
  LANGUAGE plpgsql STABLE PARALLEL UNSAFE
  SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  claims text := coalesce(
    nullif(current_setting('request.jwt.claims', true), ''),
    nullif(current_setting('request.jwt.claim', true), ''));
BEGIN
  IF claims IS NULL THEN
    RETURN nullif(current_setting('request.jwt.claim.' || claim, true), '')::uuid;
  END IF;
  -- Supabase has what only a server may set in `app_metadata`. Never `user_metadata`, which users set themselves.
  RETURN coalesce(
    claims::jsonb ->> claim,
    CASE WHEN claim = 'organization_id' THEN claims::jsonb -> 'app_metadata' ->> claim END)::uuid;
EXCEPTION
  WHEN data_exception OR program_limit_exceeded THEN
    RETURN NULL;
END
$$;

-- Hosts such as Supabase grant new functions to everybody by default.
REVOKE ALL ON FUNCTION public.destinations_claim(text)
  FROM PUBLIC, authenticated, service_role, anon, destinations_loader;
GRANT EXECUTE ON FUNCTION public.destinations_claim(text) TO authenticated, service_role;
