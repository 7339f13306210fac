-- The measures that keep one injected statement of a tenant from making or setting anything: with them it can neither set
-- the claims of another organization, nor write a function, nor leave a type or a table for others to find. SECURITY.md
-- says what each is for; `consent-destinations doctor` says which are taken.
--
-- Run it after the migrations and logins.sql, as a superuser; running it again does no harm:
--   psql "$DATABASE_URL" --single-transaction -v ON_ERROR_STOP=1 \
--     -v tenant_login=destinations_tenant -v service_login=destinations_service \
--     -v loader_login=destinations_loading -f hardening.sql
--
-- It holds for the whole database and for everybody in it, so it is for a server of your own: what else uses this database
-- and sets parameters by set_config(), writes functions or makes temporary tables must be granted that again. The owner of
-- the tables is, because migrations and pg_dump need it. Run it again where a dump was restored.

SET LOCAL search_path = pg_catalog, pg_temp;

-- Claims are parameters, which set_config() changes in the middle of a statement. The logins call it before they become a tenant.
REVOKE EXECUTE ON FUNCTION set_config(text, text, boolean) FROM PUBLIC, authenticated, service_role, anon, destinations_loader;
GRANT EXECUTE ON FUNCTION set_config(text, text, boolean) TO :"tenant_login", :"service_login", :"loader_login";

DO $$
DECLARE
  everybody constant text := 'PUBLIC, authenticated, service_role, anon, destinations_loader';
  language name;
  owner regrole;
BEGIN
  -- A function and a DO block set claims and roles, too.
  FOR language IN SELECT lanname FROM pg_language WHERE lanpltrusted LOOP
    EXECUTE format('REVOKE USAGE ON LANGUAGE %I FROM %s', language, everybody);
  END LOOP;

  -- Types and tables of the temporary schema are found by everybody who uses the session afterwards.
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM %s', current_database(), everybody);
  -- What lies there is found by everybody whose path it is on. Before PostgreSQL 15 everybody could create in it.
  EXECUTE format('REVOKE CREATE ON SCHEMA public FROM %s', everybody);

  SELECT relowner INTO STRICT owner FROM pg_class WHERE oid = 'public.destinations'::regclass;
  EXECUTE format('GRANT EXECUTE ON FUNCTION set_config(text, text, boolean) TO %s', owner);
  EXECUTE format('GRANT USAGE ON LANGUAGE plpgsql, sql TO %s', owner);
END
$$;
