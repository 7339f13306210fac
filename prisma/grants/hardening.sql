-- The measures that keep one injected statement of a tenant from making or setting anything: with them it can neither set
-- the claims of another organization, nor write a function, nor leave a type or a table for others to find. SECURITY.md
-- says what each is for; `consent-destinations doctor` says which are taken.
--
-- Run it after the migrations and logins.sql, as a superuser; running it again does no harm. For another login it fails
-- and changes nothing, where that login cannot do all of it:
--   psql "$ADMIN_URL" --single-transaction -v ON_ERROR_STOP=1 \
--     -v tenant_login=destinations_tenant -v service_login=destinations_service \
--     -v loader_login=destinations_loading -f hardening.sql
--
-- It holds for the whole database and for everybody in it, so it is for a server of your own: what else uses this database
-- and sets parameters by set_config(), writes functions or makes temporary tables must be granted that again. The owner of
-- the tables is, because migrations and pg_dump need it. Run it again where a dump was restored,
-- and on a Citus cluster, whose workers it goes to as well, after citus.sql and after each citus_add_node().

SET LOCAL search_path = pg_catalog, pg_temp;

-- Claims are parameters, which set_config() changes in the middle of a statement. The logins call it before they become a tenant.
GRANT EXECUTE ON FUNCTION set_config(text, text, boolean) TO :"tenant_login", :"service_login", :"loader_login";

DO $$
DECLARE
  measures constant text := $measures$
    DO $do$
    DECLARE
      everybody constant text := 'PUBLIC, authenticated, service_role, anon, destinations_loader';
      language name;
      owner regrole;
      left_over text;
    BEGIN
      REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean)
        FROM PUBLIC, authenticated, service_role, anon, destinations_loader;

      -- A function and a DO block set claims and roles, too.
      FOR language IN SELECT lanname FROM pg_catalog.pg_language WHERE lanpltrusted LOOP
        EXECUTE pg_catalog.format('REVOKE USAGE ON LANGUAGE %I FROM %s', language, everybody);
      END LOOP;

      -- Types and tables of the temporary schema are found by everybody who uses the session afterwards.
      EXECUTE pg_catalog.format('REVOKE TEMPORARY ON DATABASE %I FROM %s', pg_catalog.current_database(), everybody);
      -- What lies there is found by everybody whose path it is on. Before PostgreSQL 15 everybody could create in it.
      EXECUTE pg_catalog.format('REVOKE CREATE ON SCHEMA public FROM %s', everybody);

      SELECT relowner INTO STRICT owner FROM pg_catalog.pg_class WHERE oid = 'public.destinations'::regclass;
      EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO %s', owner);
      EXECUTE pg_catalog.format('GRANT USAGE ON LANGUAGE plpgsql, sql TO %s', owner);

      -- What the login may not revoke is a warning of Postgres, and it would look as if all of it had been done.
      SELECT pg_catalog.string_agg(DISTINCT measure, ', ') INTO left_over
        FROM (SELECT 'public' AS role UNION ALL SELECT rolname FROM pg_catalog.pg_roles
               WHERE rolname IN ('authenticated', 'service_role', 'anon', 'destinations_loader')) AS everybody,
             LATERAL (VALUES
               ('set_config()', pg_catalog.has_function_privilege(role, 'pg_catalog.set_config(text, text, boolean)', 'EXECUTE')),
               ('languages', EXISTS (SELECT FROM pg_catalog.pg_language
                 WHERE lanpltrusted AND pg_catalog.has_language_privilege(role, oid, 'USAGE'))),
               ('temporary objects', pg_catalog.has_database_privilege(role, pg_catalog.current_database(), 'TEMPORARY')),
               ('CREATE in schema public', pg_catalog.has_schema_privilege(role, 'public', 'CREATE'))
             ) AS measures (measure, is_open)
       WHERE is_open;
      IF left_over IS NOT NULL THEN
        RAISE EXCEPTION USING
          ERRCODE = 'insufficient_privilege',
          MESSAGE = pg_catalog.format('Nothing was hardened: this login could not revoke %s', left_over),
          HINT = 'Run this script as a superuser.';
      END IF;
    END
    $do$
  $measures$;
  refused record;
BEGIN
  -- Citus would send some of it to the workers and leave others out. So each gets all of it below.
  SET LOCAL citus.enable_ddl_propagation = off;
  EXECUTE measures;
  IF to_regclass('pg_catalog.pg_dist_node') IS NULL THEN
    RETURN;
  END IF;
  -- Workers run parts of a tenant's statement with rights of their own.
  FOR refused IN EXECUTE 'SELECT * FROM run_command_on_workers($1)'
    USING 'BEGIN; SET LOCAL citus.enable_ddl_propagation = off;' || measures || '; COMMIT' LOOP
    IF NOT refused.success THEN
      RAISE EXCEPTION USING
        ERRCODE = 'connection_exception',
        MESSAGE = format('worker %s:%s is as it was: %s', refused.nodename, refused.nodeport, refused.result),
        HINT = 'See to the worker, and run this again.';
    END IF;
  END LOOP;
END
$$;
