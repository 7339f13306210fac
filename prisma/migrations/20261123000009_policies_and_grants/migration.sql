-- What:     who may do what: every policy and every grant on the tables, role by role.
-- Why:      each organization sees and changes its own destinations only, whatever the query says. Last, so
--           that nobody reaches a table before its triggers and its log are in place.
-- Breaking: no. CREATE POLICY locks its table against everything, reads too; here nobody uses the tables yet.
--           Where it is done on tables in use, that is for a few milliseconds, and for up to 5 seconds while it
--           waits for who has them. Tables of the platform that existed get no policy and no grant: see
--           prisma/grants/platform-tables.sql, which their owner runs.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
SET LOCAL search_path = pg_catalog, pg_temp;

-- authenticated: a tenant, whose organization and user are in the claims.

-- A uuid is compared with a uuid, so that PostgreSQL can use an index, and in a sub-select, so that it is
-- evaluated once for a query. `deleted_at` must not be in a policy: a soft delete would make a row that the
-- policy then refuses.
--
-- Here a call of destinations_claim() would cost a read some 15 µs in each transaction. Claims that begin as
-- this package's client writes them are JSON, so they are read in place; all others, which may be anything,
-- are read by the function. Claims that begin so and are not JSON cause an error instead of no rows.
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
CREATE POLICY destination_audit_log_organization_isolation ON public.destination_audit_log
  FOR SELECT TO authenticated
  USING (organization_id = (SELECT public.destinations_claim('organization_id')));
CREATE POLICY destination_settings_history_organization_isolation ON public.destination_settings_history
  FOR SELECT TO authenticated
  USING (organization_id = (SELECT public.destinations_claim('organization_id')));
-- A tenant's reads and writes need its own organization's keys. They are wrapped, so they are worth nothing
-- without the key management service.
CREATE POLICY destination_data_keys_organization_isolation ON public.destination_data_keys
  FOR SELECT TO authenticated
  USING (organization_id = (SELECT public.destinations_claim('organization_id')));
-- The first key comes with the first write. Tenants make no later one, because it would replace the first for
-- all that is encrypted from then on.
CREATE POLICY destination_data_keys_first_key ON public.destination_data_keys
  FOR INSERT TO authenticated
  WITH CHECK (
    organization_id = (SELECT public.destinations_claim('organization_id')) AND generation = 1);

-- No DELETE, because tenants delete softly. UPDATE by column, because on the table it would also allow
-- LOCK TABLE in every mode. It names every column, because the trigger decides what a tenant may change, and
-- its error says what is wrong.
GRANT SELECT, INSERT, UPDATE (
  id, organization_id, type, name, description, environment, settings, settings_encrypted,
  required_consent, enabled, test_mode, last_tested_at, connection_status, last_error, deleted_at,
  version, created_at, updated_at, created_by, updated_by
) ON public.destinations TO authenticated;
GRANT SELECT ON public.destination_audit_log, public.destination_settings_history TO authenticated;
-- Without `id` and `created_at`: the refusal of a chosen id would say whether another organization has it.
GRANT SELECT, INSERT (organization_id, generation, wrapped_key) ON public.destination_data_keys TO authenticated;

-- service_role: every organization. What it may not do either, it has no grant for.

CREATE POLICY destinations_service_access ON public.destinations
  FOR ALL TO service_role
  USING (true)
  WITH CHECK (true);
CREATE POLICY destination_audit_log_service_access ON public.destination_audit_log
  FOR SELECT TO service_role
  USING (true);
CREATE POLICY destination_settings_history_service_access ON public.destination_settings_history
  FOR ALL TO service_role
  USING (true)
  WITH CHECK (true);
CREATE POLICY destination_data_keys_service_access ON public.destination_data_keys
  FOR ALL TO service_role
  USING (true)
  WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON public.destinations TO service_role;
GRANT SELECT ON public.destination_audit_log TO service_role;
-- Old entries alone, which leaves one in their place.
GRANT EXECUTE ON FUNCTION public.prune_destination_audit_log(timestamptz, bigint, integer, bigint, bigint[])
  TO service_role;
-- So that doctor can compare it with the entries.
GRANT SELECT ON SEQUENCE public.destination_audit_log_id_seq TO service_role;
-- Rotation updates, retention deletes.
GRANT SELECT, UPDATE (settings, settings_encrypted), DELETE
  ON public.destination_settings_history TO service_role;
GRANT SELECT, INSERT (organization_id, generation, wrapped_key), DELETE
  ON public.destination_data_keys TO service_role;

-- destinations_loader: what a process needs to send events, of every organization, and no write at all: the rows
-- that are live and switched on, without names, actors and outcomes of tests; which organizations changed; and
-- wrapped keys, where there are any.

CREATE POLICY destinations_loading ON public.destinations
  FOR SELECT TO destinations_loader
  USING (enabled AND deleted_at IS NULL);
CREATE POLICY destination_audit_log_loading ON public.destination_audit_log
  FOR SELECT TO destinations_loader
  USING (true);
CREATE POLICY destination_data_keys_loading ON public.destination_data_keys
  FOR SELECT TO destinations_loader
  USING (true);

GRANT SELECT (
  id, organization_id, type, environment, settings, settings_encrypted, required_consent, enabled, test_mode,
  deleted_at, version
) ON public.destinations TO destinations_loader;
GRANT SELECT (organization_id, transaction_id) ON public.destination_audit_log TO destinations_loader;
GRANT SELECT (id, organization_id, wrapped_key) ON public.destination_data_keys TO destinations_loader;

-- anon: nothing. Restrictive, because without any policy there is no access either, but a permissive policy
-- that somebody adds for anon would open the table. It binds anon itself: a policy counts for every role that inherits
-- anon, and the owner, as which triggers and retention write, may be one of them.

CREATE POLICY destinations_no_anonymous ON public.destinations
  AS RESTRICTIVE FOR ALL TO anon
  USING (current_user <> 'anon')
  WITH CHECK (current_user <> 'anon');
CREATE POLICY destination_audit_log_no_anonymous ON public.destination_audit_log
  AS RESTRICTIVE FOR ALL TO anon
  USING (current_user <> 'anon')
  WITH CHECK (current_user <> 'anon');
CREATE POLICY destination_settings_history_no_anonymous ON public.destination_settings_history
  AS RESTRICTIVE FOR ALL TO anon
  USING (current_user <> 'anon')
  WITH CHECK (current_user <> 'anon');
CREATE POLICY destination_data_keys_no_anonymous ON public.destination_data_keys
  AS RESTRICTIVE FOR ALL TO anon
  USING (current_user <> 'anon')
  WITH CHECK (current_user <> 'anon');

-- The owner: the triggers write log and history as the owner, whom FORCE binds. It may only inside a trigger, or where
-- prune_destination_audit_log() runs. CURRENT_USER is the login that migrates: where the tables get another owner, these
-- four are altered with it.

CREATE POLICY destination_audit_log_recording ON public.destination_audit_log
  FOR INSERT TO CURRENT_USER
  WITH CHECK (pg_catalog.pg_trigger_depth() > 0);
-- What the newest id is, and which entries are old.
CREATE POLICY destination_audit_log_advancing ON public.destination_audit_log
  FOR SELECT TO CURRENT_USER
  USING (
    pg_catalog.pg_trigger_depth() > 0
    OR (SELECT pg_catalog.current_setting('destinations.log_retention', true)) = 'on');
CREATE POLICY destination_audit_log_retention ON public.destination_audit_log
  FOR DELETE TO CURRENT_USER
  USING ((SELECT pg_catalog.current_setting('destinations.log_retention', true)) = 'on');
CREATE POLICY destination_settings_history_recording ON public.destination_settings_history
  FOR ALL TO CURRENT_USER
  USING (pg_catalog.pg_trigger_depth() > 0)
  WITH CHECK (pg_catalog.pg_trigger_depth() > 0);

-- organizations and users, where the first migration created them. A tenant sees its own organization and the
-- user who acts. Foreign keys are checked without policies.
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
    EXECUTE format(
      'CREATE POLICY %I ON public.%I FOR SELECT TO authenticated
         USING (id = (SELECT public.destinations_claim(%L)))',
      own.name || '_tenant_isolation', own.name, own.claim);
    EXECUTE format(
      'CREATE POLICY %I ON public.%I FOR ALL TO service_role USING (true) WITH CHECK (true)',
      own.name || '_service_access', own.name);
    -- prisma/grants/tenants-elsewhere.sql has triggers of other tables write here, as the owner.
    EXECUTE format(
      'CREATE POLICY %I ON public.%I FOR ALL TO CURRENT_USER
         USING (pg_catalog.pg_trigger_depth() > 0) WITH CHECK (pg_catalog.pg_trigger_depth() > 0)',
      own.name || '_mirroring', own.name);
    EXECUTE format(
      'REVOKE ALL ON public.%I FROM PUBLIC, authenticated, service_role, anon, destinations_loader', own.name);
    EXECUTE format('GRANT SELECT ON public.%I TO authenticated', own.name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON public.%I TO service_role', own.name);
  END LOOP;
END
$$;

-- `doctor` compares the migrations that ran with those of its release, with the login of the service. Where Prisma keeps
-- them in another schema, its owner grants it: the table is not this package's alone there.
DO $$
DECLARE
  history constant regclass = to_regclass('destinations_migrations._prisma_migrations');
BEGIN
  IF (SELECT pg_catalog.pg_has_role(relowner, 'USAGE') FROM pg_catalog.pg_class WHERE oid = history) THEN
    GRANT USAGE ON SCHEMA destinations_migrations TO service_role;
    GRANT SELECT ON destinations_migrations._prisma_migrations TO service_role;
  END IF;
END
$$;
