-- What:     the triggers of destinations that write created_at, updated_at, deleted_at, created_by,
--           updated_by and version, and refuse changes of id, organization_id, type, created_at and
--           created_by; and the function by which triggers of all tables refuse statements.
-- Why:      no writer, by whatever client, can forget or forge these columns.
-- Breaking: no.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
SET LOCAL search_path = pg_catalog, pg_temp;

-- Both functions take the actor from the claims' `sub`. A statement that names another user in its place is
-- refused, and a `sub` that users does not have fails the foreign key. Without a `sub` the columns count as
-- the statement has them, but only for those who have the rights of service_role; others name nobody.

CREATE FUNCTION public.insert_destinations_created_at() RETURNS trigger
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  actor uuid := public.destinations_claim('sub');
BEGIN
  NEW.version := 1;
  NEW.created_at := now();
  NEW.updated_at := now();
  -- The statement says whether the row is deleted; the database says when.
  IF NEW.deleted_at IS NOT NULL THEN
    NEW.deleted_at := NEW.updated_at;
  END IF;
  IF actor IS NOT NULL OR NOT pg_has_role('service_role', 'USAGE') THEN
    -- Whether there is such a user makes no difference: nobody learns who there is.
    IF coalesce(NEW.created_by, actor) IS DISTINCT FROM actor
      OR coalesce(NEW.updated_by, actor) IS DISTINCT FROM actor
    THEN
      RAISE EXCEPTION USING
        ERRCODE = 'check_violation', CONSTRAINT = 'destinations_author',
        SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
        MESSAGE = 'created_by and updated_by are the actor of the claims and nobody else',
        HINT = 'Leave them out.';
    END IF;
    NEW.created_by := actor;
    NEW.updated_by := actor;
  END IF;
  RETURN NEW;
END
$$;

CREATE FUNCTION public.update_destinations_updated_at() RETURNS trigger
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  actor uuid;
  -- Strictly increasing, also for a second change in one transaction and after a clock that went back.
  changed_at timestamptz := greatest(now(), OLD.updated_at + interval '1 microsecond');
  kept public.destinations%ROWTYPE;
  changed text[];
BEGIN
  -- Key rotation, or plaintext encrypted for the first time: the settings stay the same for every reader. It
  -- takes the role beside the marker, so that a tenant cannot hide an edit behind the marker.
  IF current_user = 'service_role' AND current_setting('destinations.rotation', true) = 'on' THEN
    kept := OLD;
    kept.settings := NEW.settings;
    kept.settings_encrypted := true;
    IF NEW IS NOT DISTINCT FROM kept THEN
      RETURN NEW;
    END IF;
  END IF;

  -- A user was deleted: ON DELETE SET NULL runs inside the foreign key's own trigger, as the table's
  -- owner, and changes only this. It is not an edit, so nothing else of the row changes.
  IF pg_trigger_depth() > 1 AND current_user = (
    SELECT pg_get_userbyid(relowner) FROM pg_catalog.pg_class WHERE oid = TG_RELID
  ) THEN
    kept := OLD;
    IF NEW.created_by IS NULL THEN kept.created_by := NULL; END IF;
    IF NEW.updated_by IS NULL THEN kept.updated_by := NULL; END IF;
    IF NEW IS NOT DISTINCT FROM kept THEN
      RETURN NEW;
    END IF;
  END IF;

  IF (NEW.id, NEW.organization_id, NEW.type, NEW.created_at, NEW.created_by)
    IS DISTINCT FROM (OLD.id, OLD.organization_id, OLD.type, OLD.created_at, OLD.created_by)
  THEN
    changed := array_remove(ARRAY[
      CASE WHEN NEW.id IS DISTINCT FROM OLD.id THEN 'id' END,
      CASE WHEN NEW.organization_id IS DISTINCT FROM OLD.organization_id THEN 'organization_id' END,
      CASE WHEN NEW.type IS DISTINCT FROM OLD.type THEN 'type' END,
      CASE WHEN NEW.created_at IS DISTINCT FROM OLD.created_at THEN 'created_at' END,
      CASE WHEN NEW.created_by IS DISTINCT FROM OLD.created_by THEN 'created_by' END
    ], NULL);
    RAISE EXCEPTION USING
      ERRCODE = 'check_violation', CONSTRAINT = 'destinations_immutable_columns',
      SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = changed[1],
      MESSAGE = format('%s of a destination cannot be changed', array_to_string(changed, ', ')),
      HINT = 'Soft-delete the destination and create another one.';
  END IF;

  -- What the statement says of these columns is ignored. Of `deleted_at` it decides whether the row is
  -- deleted: a row that already was keeps its time.
  NEW.updated_at := OLD.updated_at;
  NEW.version := OLD.version;
  IF NEW.deleted_at IS NOT NULL THEN
    NEW.deleted_at := coalesce(OLD.deleted_at, changed_at);
  END IF;
  actor := public.destinations_claim('sub');
  IF actor IS NOT NULL OR NOT pg_has_role('service_role', 'USAGE') THEN
    IF NEW.updated_by IS DISTINCT FROM OLD.updated_by AND NEW.updated_by IS DISTINCT FROM actor THEN
      RAISE EXCEPTION USING
        ERRCODE = 'check_violation', CONSTRAINT = 'destinations_author',
        SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
        MESSAGE = 'updated_by is the actor of the claims and nobody else',
        HINT = 'Leave it out.';
    END IF;
    NEW.updated_by := OLD.updated_by;
  END IF;

  IF NEW IS NOT DISTINCT FROM OLD THEN
    RETURN OLD;
  END IF;

  NEW.updated_at := changed_at;

  -- The outcome of a connection test does not change the configuration. Everything else does, soft deletion
  -- and restoring included: an edit that is based on an older version must conflict with them.
  kept := OLD;
  kept.last_tested_at := NEW.last_tested_at;
  kept.connection_status := NEW.connection_status;
  kept.last_error := NEW.last_error;
  kept.updated_at := NEW.updated_at;
  IF NEW IS NOT DISTINCT FROM kept THEN
    RETURN NEW;
  END IF;

  NEW.version := OLD.version + 1;
  -- Without an actor, and without another name in the statement, nobody is named: the last editor did not
  -- make this change.
  IF NEW.updated_by IS NOT DISTINCT FROM OLD.updated_by THEN
    NEW.updated_by := actor;
  END IF;

  -- Other settings have not been tested yet.
  IF NEW.settings <> OLD.settings
    AND (NEW.last_tested_at, NEW.connection_status, NEW.last_error)
      IS NOT DISTINCT FROM (OLD.last_tested_at, OLD.connection_status, OLD.last_error)
  THEN
    NEW.connection_status := 'unknown';
    NEW.last_error := NULL;
  END IF;

  RETURN NEW;
END
$$;

-- Refuses a statement of the table that the trigger is on. The trigger's argument is the reason.
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

-- A trigger fires without EXECUTE on its function, so nobody needs it.
REVOKE ALL ON FUNCTION public.insert_destinations_created_at(), public.update_destinations_updated_at(),
  public.refuse_destination_statement()
  FROM PUBLIC, authenticated, service_role, anon, destinations_loader;

CREATE TRIGGER trigger_insert_destinations_created_at
  BEFORE INSERT ON public.destinations
  FOR EACH ROW EXECUTE FUNCTION public.insert_destinations_created_at();
CREATE TRIGGER trigger_update_destinations_updated_at
  BEFORE UPDATE ON public.destinations
  FOR EACH ROW EXECUTE FUNCTION public.update_destinations_updated_at();
-- TRUNCATE fires no trigger for the rows, so the log would have no entries of them. This also refuses a
-- TRUNCATE of organizations that cascades.
CREATE TRIGGER trigger_refuse_destinations_truncate
  BEFORE TRUNCATE ON public.destinations
  FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_destination_statement('it would leave no trace in the log; use DELETE');
