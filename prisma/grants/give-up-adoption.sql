-- Leaves a table destinations as it was before `consent-destinations adopt --prepare`, which made everything beside it.
-- Only before `--apply` has moved the tables: afterwards it stops with an error, and changes nothing.
--
-- Run it as the login that ran the command:
--   psql "$DATABASE_URL" --single-transaction -v ON_ERROR_STOP=1 -f give-up-adoption.sql

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL lock_timeout = '1s';

DROP TRIGGER destinations_adoption ON public.destinations;
DROP TRIGGER destinations_adoption_truncate ON public.destinations;
DROP SCHEMA destinations_adoption CASCADE;
DROP FUNCTION public.insert_destinations_created_at(), public.update_destinations_updated_at(),
  public.refuse_destination_statement(), public.destination_settings_fields(uuid, integer),
  public.destination_copied_from(uuid), public.log_created_destinations(), public.log_changed_destinations(),
  public.log_purged_destinations(), public.log_destinations_key_rotation(), public.log_rotated_destination_settings(),
  public.keep_replaced_destination_settings(), public.delete_purged_destination_settings(),
  public.refuse_destination_data_keys_change(), public.advance_destination_audit_log_id(),
  public.log_pruned_destination_audit_log(),
  public.prune_destination_audit_log(timestamptz, bigint, integer, bigint, bigint[]);
ALTER FUNCTION destinations_replaced.update_destinations_updated_at() SET SCHEMA public;
DROP SCHEMA destinations_replaced;
