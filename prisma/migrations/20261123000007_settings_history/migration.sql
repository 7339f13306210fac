-- What:     destination_settings_history, which keeps the settings that an update replaced, and the triggers
--           that write it and protect it.
-- Why:      an earlier version can be brought back, and two versions of settings can be compared.
-- Breaking: no, a new table.
--
-- For the types of columns see destinations.
-- squawk-ignore-file prefer-text-field, prefer-bigint-over-int

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
SET LOCAL search_path = pg_catalog, pg_temp;

-- An envelope is bound to its destination, so it opens here as it did there. No foreign key, which would cost
-- each change of settings a look-up: a trigger deletes a destination's settings with it.
CREATE TABLE public.destination_settings_history (
  destination_id     uuid        NOT NULL,
  -- The last version that had these settings.
  version            integer     NOT NULL,
  organization_id    uuid        NOT NULL,
  type               varchar(50) NOT NULL,
  settings           jsonb       NOT NULL,
  settings_encrypted boolean     NOT NULL,
  replaced_at        timestamptz NOT NULL DEFAULT now(),

  CONSTRAINT destination_settings_history_pkey PRIMARY KEY (destination_id, version),
  -- Key rotation writes here, and programs print key ids: see destinations_valid_settings.
  CONSTRAINT destination_settings_history_valid_key_id CHECK (
    NOT settings_encrypted OR settings = '{}'
    OR coalesce(settings ->> 'kid' ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$', false))
);

-- For what is due by its age. Rows come in the order of time, so a summary of page ranges is enough.
CREATE INDEX idx_destination_settings_history_replaced_at
  ON public.destination_settings_history USING brin (replaced_at) WITH (autosummarize = on);

-- Closed from the start; see destinations.
ALTER TABLE public.destination_settings_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.destination_settings_history FORCE ROW LEVEL SECURITY;
REVOKE ALL ON public.destination_settings_history FROM PUBLIC, authenticated, service_role, anon, destinations_loader;

-- These run as their owner, because nobody else may write the two tables.

CREATE FUNCTION public.log_rotated_destination_settings() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF EXISTS (SELECT FROM new_rows) THEN
    PERFORM public.log_destinations_key_rotation();
  END IF;
  RETURN NULL;
END
$$;

CREATE FUNCTION public.keep_replaced_destination_settings() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO public.destination_settings_history
    (destination_id, version, organization_id, type, settings, settings_encrypted)
  VALUES (OLD.id, OLD.version, OLD.organization_id, OLD.type, OLD.settings, OLD.settings_encrypted);
  RETURN NULL;
END
$$;

CREATE FUNCTION public.delete_purged_destination_settings() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  DELETE FROM public.destination_settings_history
   WHERE (organization_id, destination_id) IN (SELECT o.organization_id, o.id FROM old_rows AS o);
  RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION public.log_rotated_destination_settings(),
  public.keep_replaced_destination_settings(), public.delete_purged_destination_settings()
  FROM PUBLIC, authenticated, service_role, anon, destinations_loader;

-- At depth 0 a statement wrote here, not a trigger.
CREATE TRIGGER trigger_refuse_destination_settings_history_insert
  BEFORE INSERT ON public.destination_settings_history
  FOR EACH STATEMENT WHEN (pg_catalog.pg_trigger_depth() = 0)
  EXECUTE FUNCTION public.refuse_destination_statement('only changes of destinations write it');
-- Retention is up to service_role, which sets a marker for it: a DELETE that lacks its WHERE by mistake
-- does not.
CREATE TRIGGER trigger_refuse_destination_settings_history_delete
  BEFORE DELETE ON public.destination_settings_history
  FOR EACH STATEMENT WHEN (
    pg_catalog.pg_trigger_depth() = 0
    AND (current_user <> 'service_role'
      OR pg_catalog.current_setting('destinations.retention', true) IS DISTINCT FROM 'on'))
  EXECUTE FUNCTION public.refuse_destination_statement('only retention and purging delete');
CREATE TRIGGER trigger_refuse_destination_settings_history_truncate
  BEFORE TRUNCATE ON public.destination_settings_history
  FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_destination_statement('only retention and purging delete');
-- Only key rotation may, by the rule of trigger_update_destinations_updated_at.
CREATE TRIGGER trigger_refuse_destination_settings_history_update
  BEFORE UPDATE ON public.destination_settings_history
  FOR EACH ROW WHEN (
    current_user <> 'service_role'
    OR pg_catalog.current_setting('destinations.rotation', true) IS DISTINCT FROM 'on'
    OR NOT NEW.settings_encrypted
    OR (NEW.destination_id, NEW.version, NEW.organization_id, NEW.type, NEW.replaced_at)
      IS DISTINCT FROM
       (OLD.destination_id, OLD.version, OLD.organization_id, OLD.type, OLD.replaced_at))
  EXECUTE FUNCTION public.refuse_destination_statement('only key rotation changes earlier settings');

CREATE TRIGGER trigger_log_rotated_destination_settings
  AFTER UPDATE ON public.destination_settings_history
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION public.log_rotated_destination_settings();
-- For each row and not each statement, because with its condition it costs nothing to an update that leaves
-- settings as they are. A rotation leaves `version` as it is.
CREATE TRIGGER trigger_keep_replaced_destination_settings
  AFTER UPDATE ON public.destinations
  FOR EACH ROW WHEN (OLD.version <> NEW.version AND OLD.settings <> NEW.settings)
  EXECUTE FUNCTION public.keep_replaced_destination_settings();
CREATE TRIGGER trigger_delete_purged_destination_settings
  AFTER DELETE ON public.destinations
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION public.delete_purged_destination_settings();
