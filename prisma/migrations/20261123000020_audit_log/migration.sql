-- What:     destination_audit_log, and the triggers of destinations that fill it.
-- Why:      who changed what is told by the database, whoever writes: the repository, Prisma, psql.
-- Breaking: no. Rows that exist get no entry until they change. Making the triggers locks destinations
--           against writes for a moment; where that lock does not come within 5 seconds, nothing is
--           changed: say
--             npx prisma migrate resolve --rolled-back 20261123000020_audit_log
--           and deploy again.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
SET LOCAL search_path = pg_catalog, pg_temp;

-- No foreign keys: what happened to a destination, by a user, in an organization outlives all three.
CREATE TABLE public.destination_audit_log (
  id              bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
  -- NULL, like the destination and the version, for a key rotation: it concerns all organizations.
  organization_id uuid,
  destination_id  uuid,
  -- The destination's version after the change.
  version         integer,
  action          varchar(20) NOT NULL,
  -- {"name": {"old": "a", "new": "b"}}, by column. Of settings, never a value: {"settings": {}}, or
  -- {"settings": {"fields": ["apiKey"]}} where the client told which.
  changes         jsonb       NOT NULL DEFAULT '{}',
  -- Of an entry that made a version, whether it changed settings; NULL for a test and the like.
  settings_changed boolean,
  -- What the destination was after the change, besides settings; every 100th version has it, so that what it
  -- was at any version is found among a hundred entries.
  configuration   jsonb,
  -- The claims' `sub`.
  actor_id        uuid,
  -- The role that the session had, and the login that it began with.
  role            varchar(63) NOT NULL,
  login           varchar(63) NOT NULL,
  recorded_at     timestamptz NOT NULL DEFAULT now(),
  transaction_id  bigint      NOT NULL,
  rotation_run    uuid,

  -- No CHECK: the functions below write it and nothing else does, and Postgres compiles each CHECK anew
  -- for every statement. Three of them were a fifth of the log's price.
  CONSTRAINT destination_audit_log_pkey PRIMARY KEY (id)
);

-- By id and not by time: of one destination, ids increase with its versions, because a writer holds the
-- row from before its entry gets an id until it commits. NULLS LAST, although there are none, is an order that the
-- primary key does not have: where it did, Postgres would walk that past any number of entries of others.
CREATE INDEX idx_destination_audit_log_destination
  ON public.destination_audit_log (destination_id, id DESC NULLS LAST);
-- Versions, among whatever number of tests; the next one that changed settings, among whatever number of others.
-- Partial, so that it is not taken for the log of one destination, whose order it does not have.
CREATE INDEX idx_destination_audit_log_version
  ON public.destination_audit_log (destination_id, settings_changed, version) WHERE settings_changed IS NOT NULL;
CREATE INDEX idx_destination_audit_log_organization
  ON public.destination_audit_log (organization_id, id DESC NULLS LAST);
CREATE UNIQUE INDEX destination_audit_log_rotation_run_unique
  ON public.destination_audit_log (rotation_run) WHERE rotation_run IS NOT NULL;

-- Append-only. Grants bind everybody but the owner and superusers; triggers bind those too. The
-- trigger's argument says why.
CREATE FUNCTION public.refuse_destination_statement() RETURNS trigger
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION USING
    ERRCODE = 'insufficient_privilege', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
    MESSAGE = format('%s on %I is refused: %s', TG_OP, TG_TABLE_NAME, TG_ARGV[0]);
END
$$;

CREATE TRIGGER trigger_refuse_audit_log_change
  BEFORE UPDATE OR DELETE OR TRUNCATE ON public.destination_audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_destination_statement('the log is append-only');
-- At depth 0 a statement wrote here, and no trigger.
CREATE TRIGGER trigger_refuse_audit_log_insert
  BEFORE INSERT ON public.destination_audit_log
  FOR EACH STATEMENT WHEN (pg_catalog.pg_trigger_depth() = 0)
  EXECUTE FUNCTION public.refuse_destination_statement('only changes of destinations write the log');

ALTER TABLE public.destination_audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.destination_audit_log FORCE ROW LEVEL SECURITY;

CREATE POLICY destination_audit_log_organization_isolation ON public.destination_audit_log
  FOR SELECT TO authenticated
  USING (organization_id = (SELECT public.destinations_claim('organization_id')));
CREATE POLICY destination_audit_log_service_access ON public.destination_audit_log
  FOR SELECT TO service_role
  USING (true);
CREATE POLICY destination_audit_log_no_anonymous ON public.destination_audit_log
  AS RESTRICTIVE FOR ALL TO anon
  USING (false)
  WITH CHECK (false);
-- The triggers insert as the owner, whom FORCE binds: only inside a trigger may it.
CREATE POLICY destination_audit_log_recording ON public.destination_audit_log
  FOR INSERT TO CURRENT_USER
  WITH CHECK (pg_catalog.pg_trigger_depth() > 0);

REVOKE ALL ON public.destination_audit_log FROM PUBLIC, authenticated, service_role, anon;
REVOKE ALL ON SEQUENCE public.destination_audit_log_id_seq FROM PUBLIC, authenticated, service_role, anon;
GRANT SELECT ON public.destination_audit_log TO authenticated, service_role;

-- The names of the settings that an update changed, as the client told them in the claim
--   "settings_change": {"id": "...", "version": 3, "fields": ["apiKey"]}
-- or {} where it told none for this destination at this version. Names are letters only, so that not
-- even a mistaken client leaves a key or a token here.
CREATE FUNCTION public.destination_settings_fields(destination uuid, from_version integer) RETURNS jsonb
  LANGUAGE plpgsql STABLE PARALLEL UNSAFE
  SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  change jsonb := current_setting('request.jwt.claims', true)::jsonb -> 'settings_change';
BEGIN
  IF change ->> 'id' = destination::text AND (change ->> 'version')::integer = from_version
    AND jsonb_typeof(change -> 'fields') = 'array'
    AND jsonb_array_length(change -> 'fields') BETWEEN 1 AND 50
    AND NOT EXISTS (
      SELECT FROM jsonb_array_elements(change -> 'fields') AS field
       WHERE jsonb_typeof(field) <> 'string' OR field #>> '{}' !~ '^[a-z][A-Za-z]{0,39}$')
  THEN
    RETURN jsonb_build_object('fields', change -> 'fields');
  END IF;
  RETURN '{}';
EXCEPTION
  WHEN data_exception OR program_limit_exceeded THEN
    RETURN '{}';
END
$$;

-- The functions below run as their owner, because nobody else may write the log. `role` is the setting
-- and not current_user, which is the owner there.

CREATE FUNCTION public.log_created_destinations() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO public.destination_audit_log
    (organization_id, destination_id, version, action, settings_changed, changes, actor_id, role, login,
     transaction_id)
  SELECT n.organization_id, n.id, n.version, 'created', false,
         jsonb_build_object(
           'type', jsonb_build_object('new', n.type),
           'name', jsonb_build_object('new', n.name),
           'environment', jsonb_build_object('new', n.environment),
           'settings', '{}'::jsonb,
           'settings_encrypted', jsonb_build_object('new', n.settings_encrypted),
           'required_consent', jsonb_build_object('new', n.required_consent),
           'enabled', jsonb_build_object('new', n.enabled),
           'test_mode', jsonb_build_object('new', n.test_mode),
           'connection_status', jsonb_build_object('new', n.connection_status))
         || CASE WHEN n.description IS NULL THEN '{}'
              ELSE jsonb_build_object('description', jsonb_build_object('new', n.description)) END
         || CASE WHEN n.last_tested_at IS NULL THEN '{}'
              ELSE jsonb_build_object('last_tested_at', jsonb_build_object('new', n.last_tested_at)) END
         || CASE WHEN n.last_error IS NULL THEN '{}'
              ELSE jsonb_build_object('last_error', jsonb_build_object('new', n.last_error)) END
         || CASE WHEN n.deleted_at IS NULL THEN '{}'
              ELSE jsonb_build_object('deleted_at', jsonb_build_object('new', n.deleted_at)) END
         || CASE WHEN n.created_by IS NULL THEN '{}'
              ELSE jsonb_build_object('created_by', jsonb_build_object('new', n.created_by)) END
         || CASE WHEN n.updated_by IS NULL THEN '{}'
              ELSE jsonb_build_object('updated_by', jsonb_build_object('new', n.updated_by)) END,
         public.destinations_claim('sub'),
         coalesce(nullif(current_setting('role'), 'none'), session_user), session_user,
         pg_current_xact_id()::text::bigint
    FROM new_rows AS n;
  RETURN NULL;
END
$$;

-- `updated_at` tells what is an edit: trigger_update_destinations_updated_at moves it with every change
-- but two, a rotation by service_role and the deletion of a user, and leaves it where nothing changed.
-- So whatever a tenant sets, an edit that moved no `updated_at` is none.
--
-- The deletion of a user gives no entry: the entries keep the user's id, and nothing else happened.
CREATE FUNCTION public.log_changed_destinations() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
  -- A plan is kept for the session from its first statement on, which may have changed one row: nested
  -- loops over the 10,000 of the next would take minutes.
  SET enable_nestloop = off
AS $$
DECLARE
  actor uuid := public.destinations_claim('sub');
  session_role text := coalesce(nullif(current_setting('role'), 'none'), session_user);
  transaction_id bigint := pg_current_xact_id()::text::bigint;
  told boolean := current_setting('request.jwt.claims', true) LIKE '%"settings_change"%';
BEGIN
  INSERT INTO public.destination_audit_log
    (organization_id, destination_id, version, action, settings_changed, configuration, changes, actor_id, role,
     login, transaction_id)
  SELECT n.organization_id, n.id, n.version,
         CASE
           -- Versions count configuration changes; nothing else of a row changes but the outcome of a test.
           WHEN n.version = o.version THEN 'tested'
           WHEN o.deleted_at IS NULL AND n.deleted_at IS NOT NULL THEN 'soft_deleted'
           WHEN o.deleted_at IS NOT NULL AND n.deleted_at IS NULL THEN 'restored'
           WHEN n.enabled AND NOT o.enabled THEN 'enabled'
           WHEN o.enabled AND NOT n.enabled THEN 'disabled'
           ELSE 'updated'
         END,
         CASE WHEN n.version <> o.version THEN n.settings <> o.settings END,
         CASE WHEN n.version <> o.version AND n.version % 100 = 0 THEN
           jsonb_build_object('name', n.name, 'description', n.description, 'environment', n.environment,
             'required_consent', n.required_consent, 'enabled', n.enabled, 'test_mode', n.test_mode)
         END,
         CASE WHEN n.name = o.name THEN '{}'
           ELSE jsonb_build_object('name', jsonb_build_object('old', o.name, 'new', n.name)) END
         || CASE WHEN n.enabled = o.enabled THEN '{}'
              ELSE jsonb_build_object('enabled', jsonb_build_object('old', o.enabled, 'new', n.enabled)) END
         || CASE WHEN n.settings = o.settings THEN '{}'
              WHEN NOT coalesce(told, false) THEN '{"settings": {}}'
              ELSE jsonb_build_object('settings', public.destination_settings_fields(o.id, o.version)) END
         || CASE WHEN (n.description, n.environment, n.settings_encrypted, n.required_consent, n.test_mode,
                       n.last_tested_at, n.connection_status, n.last_error, n.deleted_at, n.updated_by)
                IS NOT DISTINCT FROM
                      (o.description, o.environment, o.settings_encrypted, o.required_consent, o.test_mode,
                       o.last_tested_at, o.connection_status, o.last_error, o.deleted_at, o.updated_by)
              THEN '{}'
              ELSE
                CASE WHEN n.description IS NOT DISTINCT FROM o.description THEN '{}'
                  ELSE jsonb_build_object('description',
                    jsonb_build_object('old', o.description, 'new', n.description)) END
                || CASE WHEN n.environment = o.environment THEN '{}'
                  ELSE jsonb_build_object('environment',
                    jsonb_build_object('old', o.environment, 'new', n.environment)) END
                || CASE WHEN n.settings_encrypted = o.settings_encrypted THEN '{}'
                  ELSE jsonb_build_object('settings_encrypted',
                    jsonb_build_object('old', o.settings_encrypted, 'new', n.settings_encrypted)) END
                || CASE WHEN n.required_consent = o.required_consent THEN '{}'
                  ELSE jsonb_build_object('required_consent',
                    jsonb_build_object('old', o.required_consent, 'new', n.required_consent)) END
                || CASE WHEN n.test_mode = o.test_mode THEN '{}'
                  ELSE jsonb_build_object('test_mode',
                    jsonb_build_object('old', o.test_mode, 'new', n.test_mode)) END
                || CASE WHEN n.last_tested_at IS NOT DISTINCT FROM o.last_tested_at THEN '{}'
                  ELSE jsonb_build_object('last_tested_at',
                    jsonb_build_object('old', o.last_tested_at, 'new', n.last_tested_at)) END
                || CASE WHEN n.connection_status = o.connection_status THEN '{}'
                  ELSE jsonb_build_object('connection_status',
                    jsonb_build_object('old', o.connection_status, 'new', n.connection_status)) END
                || CASE WHEN n.last_error IS NOT DISTINCT FROM o.last_error THEN '{}'
                  ELSE jsonb_build_object('last_error',
                    jsonb_build_object('old', o.last_error, 'new', n.last_error)) END
                || CASE WHEN n.deleted_at IS NOT DISTINCT FROM o.deleted_at THEN '{}'
                  ELSE jsonb_build_object('deleted_at',
                    jsonb_build_object('old', o.deleted_at, 'new', n.deleted_at)) END
                || CASE WHEN n.updated_by IS NOT DISTINCT FROM o.updated_by THEN '{}'
                  ELSE jsonb_build_object('updated_by',
                    jsonb_build_object('old', o.updated_by, 'new', n.updated_by)) END
              END,
         actor, session_role, session_user, transaction_id
    FROM old_rows AS o JOIN new_rows AS n ON n.id = o.id
   WHERE n.updated_at <> o.updated_at;

  -- The one entry of a rotation: where rows were rotated, and this run has none yet. Two conditions and
  -- not one, or each statement would pay for the query.
  IF current_setting('destinations.rotation', true) = 'on' THEN
    IF EXISTS (
      SELECT FROM old_rows AS o JOIN new_rows AS n ON n.id = o.id
       WHERE n.updated_at = o.updated_at AND n.settings <> o.settings
    ) THEN
      PERFORM public.log_destinations_key_rotation();
    END IF;
  END IF;
  RETURN NULL;
END
$$;

-- A row that is gone is told by its id alone: of what is purged nothing is written down once more.
CREATE FUNCTION public.log_purged_destinations() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO public.destination_audit_log
    (organization_id, destination_id, version, action, actor_id, role, login, transaction_id)
  SELECT o.organization_id, o.id, o.version, 'purged', public.destinations_claim('sub'),
         coalesce(nullif(current_setting('role'), 'none'), session_user), session_user,
         pg_current_xact_id()::text::bigint
    FROM old_rows AS o;
  RETURN NULL;
END
$$;

-- A run names itself by the setting `destinations.rotation_run`, a uuid: one entry, however many
-- transactions and workers it has. Without a name each statement is a run.
CREATE FUNCTION public.log_destinations_key_rotation() RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO public.destination_audit_log
    (action, actor_id, role, login, transaction_id, rotation_run)
  VALUES ('keys_rotated', public.destinations_claim('sub'),
    coalesce(nullif(current_setting('role'), 'none'), session_user), session_user,
    pg_current_xact_id()::text::bigint,
    nullif(current_setting('destinations.rotation_run', true), '')::uuid)
  -- Without its columns: naming them would ask for a policy to read by.
  ON CONFLICT DO NOTHING;
END
$$;

REVOKE ALL ON FUNCTION public.refuse_destination_statement(), public.log_created_destinations(),
  public.log_changed_destinations(), public.log_purged_destinations(), public.log_destinations_key_rotation(),
  public.destination_settings_fields(uuid, integer)
  FROM PUBLIC, authenticated, service_role, anon;

CREATE TRIGGER trigger_log_created_destinations
  AFTER INSERT ON public.destinations
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION public.log_created_destinations();
CREATE TRIGGER trigger_log_changed_destinations
  AFTER UPDATE ON public.destinations
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION public.log_changed_destinations();
CREATE TRIGGER trigger_log_purged_destinations
  AFTER DELETE ON public.destinations
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION public.log_purged_destinations();

-- TRUNCATE fires no trigger for the rows, so it would leave no entries. A cascading one from
-- organizations comes here too.
CREATE TRIGGER trigger_refuse_destinations_truncate
  BEFORE TRUNCATE ON public.destinations
  FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_destination_statement('it would leave no trace in the log; use DELETE');
