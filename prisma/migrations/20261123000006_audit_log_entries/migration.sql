-- What:     the triggers of destinations that write an entry of destination_audit_log for each changed row.
-- Why:      the database records who changed what, whoever writes: the repository, Prisma, psql. One trigger
--           a statement: a call for each of 10,000 rows would cost more.
-- Breaking: no.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
SET LOCAL search_path = pg_catalog, pg_temp;

-- The names of the settings that an update changed, as the client sends them in the claim
--   "settings_change": {"id": "...", "version": 3, "fields": ["apiKey"]}
-- or {} where it sent none for this destination at this version. Names are letters only, so that no client
-- writes a key or a token here by mistake.
CREATE FUNCTION public.destination_settings_fields(destination uuid, from_version integer) RETURNS jsonb
  LANGUAGE plpgsql STABLE PARALLEL UNSAFE
  SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  change jsonb;
  names text;
BEGIN
  -- Not as the variable's default: the block's EXCEPTION does not hold for its DECLARE.
  change := current_setting('request.jwt.claims', true)::jsonb -> 'settings_change';
  IF change ->> 'id' = destination::text AND (change ->> 'version')::integer = from_version THEN
    -- Read as text: a query over its elements would cost twice as much as all the rest.
    names := change ->> 'fields';
    IF names ~ '^\["[a-z][A-Za-z]*"(, "[a-z][A-Za-z]*")*\]$' AND names !~ '[A-Za-z]{41}'
      AND jsonb_array_length(change -> 'fields') <= 50
    THEN
      RETURN jsonb_build_object('fields', change -> 'fields');
    END IF;
  END IF;
  RETURN '{}';
EXCEPTION
  WHEN data_exception OR program_limit_exceeded THEN
    RETURN '{}';
END
$$;

-- Which destination a row was copied from, as the client says it in the claim
--   "copied_from": {"id": "<of the copy>", "from": "<of the original>"}
-- or NULL where it says nothing of this row.
CREATE FUNCTION public.destination_copied_from(destination uuid) RETURNS uuid
  LANGUAGE plpgsql STABLE PARALLEL UNSAFE
  SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  copy jsonb;
BEGIN
  copy := current_setting('request.jwt.claims', true)::jsonb -> 'copied_from';
  IF copy ->> 'id' = destination::text THEN
    RETURN (copy ->> 'from')::uuid;
  END IF;
  RETURN NULL;
EXCEPTION
  WHEN data_exception OR program_limit_exceeded THEN
    RETURN NULL;
END
$$;

-- The functions below run as their owner, because nobody else may write the log. So the role is that of the
-- setting: current_user is the owner.

CREATE FUNCTION public.log_created_destinations() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  says_copy boolean := current_setting('request.jwt.claims', true) LIKE '%"copied_from"%';
BEGIN
  INSERT INTO public.destination_audit_log
    (organization_id, destination_id, version, action, settings_changed, changes, actor_id, role, login,
     transaction_id)
  SELECT n.organization_id, n.id, n.version, CASE WHEN n.original IS NULL THEN 'created' ELSE 'copied' END, false,
         jsonb_build_object(
           'type', jsonb_build_object('new', n.type),
           'name', jsonb_build_object('new', n.name),
           'environment', jsonb_build_object('new', n.environment),
           'settings', '{}'::jsonb,
           'settings_encrypted', jsonb_build_object('new', n.settings_encrypted),
           'required_consent', jsonb_build_object('new', n.required_consent),
           'enabled', jsonb_build_object('new', n.enabled),
           'test_mode', jsonb_build_object('new', n.test_mode))
         || CASE WHEN n.description IS NULL THEN '{}'
              ELSE jsonb_build_object('description', jsonb_build_object('new', n.description)) END
         || CASE WHEN n.deleted_at IS NULL THEN '{}'
              ELSE jsonb_build_object('deleted_at', jsonb_build_object('new', n.deleted_at)) END
         || CASE WHEN n.created_by IS NULL THEN '{}'
              ELSE jsonb_build_object('created_by', jsonb_build_object('new', n.created_by)) END
         || CASE WHEN n.updated_by IS NULL THEN '{}'
              ELSE jsonb_build_object('updated_by', jsonb_build_object('new', n.updated_by)) END
         || CASE WHEN n.original IS NULL THEN '{}'
              ELSE jsonb_build_object('copied_from', jsonb_build_object('new', n.original)) END,
         public.destinations_claim('sub'),
         coalesce(nullif(current_setting('role'), 'none'), session_user), session_user,
         pg_current_xact_id()::text::bigint
    FROM (SELECT new_rows.*, CASE WHEN says_copy THEN public.destination_copied_from(id) END AS original
            FROM new_rows) AS n;
  RETURN NULL;
END
$$;

-- A row whose `version` is another was edited: trigger_update_destinations_updated_at counts every change but three,
-- the outcome of a connection test, a rotation by service_role and the deletion of a user. A tenant can set nothing that
-- hides an edit from this.
--
-- The outcome of a test makes no entry, and is in none: the row has it, and tests of every destination each day would be nearly all of the
-- log. The deletion of a user makes none either: earlier entries keep the user's id, and nothing else changed.
CREATE FUNCTION public.log_changed_destinations() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
  -- The session keeps the plan of its first statement, which may have changed one row: a nested loop over the
  -- 10,000 rows of the next would take minutes.
  SET enable_nestloop = off
AS $$
DECLARE
  actor uuid := public.destinations_claim('sub');
  session_role text := coalesce(nullif(current_setting('role'), 'none'), session_user);
  transaction_id bigint := pg_current_xact_id()::text::bigint;
  says_fields boolean := current_setting('request.jwt.claims', true) LIKE '%"settings_change"%';
  says_copy boolean := current_setting('request.jwt.claims', true) LIKE '%"copied_from"%';
BEGIN
  INSERT INTO public.destination_audit_log
    (organization_id, destination_id, version, action, settings_changed, configuration, changes, actor_id, role,
     login, transaction_id)
  SELECT n.organization_id, n.id, n.version,
         CASE
           WHEN n.original IS NOT NULL THEN 'copied'
           WHEN o.deleted_at IS NULL AND n.deleted_at IS NOT NULL THEN 'soft_deleted'
           WHEN o.deleted_at IS NOT NULL AND n.deleted_at IS NULL THEN 'restored'
           WHEN n.enabled AND NOT o.enabled THEN 'enabled'
           WHEN o.enabled AND NOT n.enabled THEN 'disabled'
           ELSE 'updated'
         END,
         n.settings <> o.settings,
         CASE WHEN n.version % 100 = 0 THEN
           jsonb_build_object('name', n.name, 'description', n.description, 'environment', n.environment,
             'required_consent', n.required_consent, 'enabled', n.enabled, 'test_mode', n.test_mode)
         END,
         CASE WHEN n.name = o.name THEN '{}'
           ELSE jsonb_build_object('name', jsonb_build_object('old', o.name, 'new', n.name)) END
         || CASE WHEN n.enabled = o.enabled THEN '{}'
              ELSE jsonb_build_object('enabled', jsonb_build_object('old', o.enabled, 'new', n.enabled)) END
         || CASE WHEN n.settings = o.settings THEN '{}'
              WHEN NOT coalesce(says_fields, false) THEN '{"settings": {}}'
              ELSE jsonb_build_object('settings', public.destination_settings_fields(o.id, o.version)) END
         || CASE WHEN (n.description, n.environment, n.settings_encrypted, n.required_consent, n.test_mode,
                       n.deleted_at, n.updated_by)
                IS NOT DISTINCT FROM
                      (o.description, o.environment, o.settings_encrypted, o.required_consent, o.test_mode,
                       o.deleted_at, o.updated_by)
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
                || CASE WHEN n.deleted_at IS NOT DISTINCT FROM o.deleted_at THEN '{}'
                  ELSE jsonb_build_object('deleted_at',
                    jsonb_build_object('old', o.deleted_at, 'new', n.deleted_at)) END
                || CASE WHEN n.updated_by IS NOT DISTINCT FROM o.updated_by THEN '{}'
                  ELSE jsonb_build_object('updated_by',
                    jsonb_build_object('old', o.updated_by, 'new', n.updated_by)) END
              END
         || CASE WHEN n.original IS NULL THEN '{}'
              ELSE jsonb_build_object('copied_from', jsonb_build_object('new', n.original)) END,
         actor, session_role, session_user, transaction_id
    FROM old_rows AS o
    JOIN (SELECT new_rows.*, CASE WHEN says_copy THEN public.destination_copied_from(id) END AS original
            FROM new_rows) AS n ON n.id = o.id
   WHERE n.version <> o.version;

  -- The entry of a rotation, where rows were rotated. An IF of its own, so that only a rotation pays for the
  -- query.
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

-- Of a purged row the entry has the id alone: what is purged is not to be found in the log.
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

-- A run of a rotation sets `destinations.rotation_run` to a uuid of its own, so it has one entry, however many
-- transactions and workers it has. Without that setting each statement makes an entry.
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
  -- Without naming the columns: that would need a policy for SELECT.
  ON CONFLICT DO NOTHING;
END
$$;

REVOKE ALL ON FUNCTION public.destination_settings_fields(uuid, integer), public.destination_copied_from(uuid),
  public.log_created_destinations(), public.log_changed_destinations(), public.log_purged_destinations(), public.log_destinations_key_rotation()
  FROM PUBLIC, authenticated, service_role, anon, destinations_loader;

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
