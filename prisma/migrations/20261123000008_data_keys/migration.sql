-- What:     destination_data_keys, each organization's data keys, wrapped by a key management service.
-- Why:      for services whose keys come from EnvelopeKeyProvider. Deleting an organization's rows makes
--           its settings unreadable for good, in backups of destinations too.
-- Breaking: no, a new table; it stays empty where keys come from a key ring. Its foreign key locks
--           organizations against writes, not reads, for the 10 to 50 ms that this file runs. Where the lock
--           does not come within 5 seconds, nothing is changed.
--
-- `generation` counts the keys of one organization, far from 2^31.
-- squawk-ignore-file prefer-bigint-over-int

-- Everybody else's writes wait behind a lock that waits: of organizations and users the foreign keys need one.
SET LOCAL lock_timeout = '1s';
SET LOCAL statement_timeout = '60s';
SET LOCAL search_path = pg_catalog, pg_temp;

CREATE TABLE public.destination_data_keys (
  -- The key id that envelopes name.
  id              uuid        NOT NULL DEFAULT gen_random_uuid(),
  organization_id uuid        NOT NULL,
  -- The highest encrypts, and all of them decrypt. Unique, so that two processes cannot make two first keys.
  generation      integer     NOT NULL DEFAULT 1,
  wrapped_key     bytea       NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),

  CONSTRAINT destination_data_keys_pkey PRIMARY KEY (id),
  CONSTRAINT destination_data_keys_organization_id_fkey FOREIGN KEY (organization_id)
    REFERENCES public.organizations (id) ON DELETE CASCADE,
  CONSTRAINT destination_data_keys_generation_unique UNIQUE (organization_id, generation),
  CONSTRAINT destination_data_keys_valid_generation CHECK (generation >= 1),
  CONSTRAINT destination_data_keys_wrapped_key_size CHECK (octet_length(wrapped_key) BETWEEN 1 AND 8192)
);

-- Closed from the start; see destinations.
ALTER TABLE public.destination_data_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.destination_data_keys FORCE ROW LEVEL SECURITY;
REVOKE ALL ON public.destination_data_keys FROM PUBLIC, authenticated, service_role, anon, destinations_loader;

-- A wrapped key that is overwritten is lost, and the settings with it. Who means to lose them deletes the row.
CREATE FUNCTION public.refuse_destination_data_keys_change() RETURNS trigger
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION USING
    ERRCODE = 'check_violation', CONSTRAINT = 'destination_data_keys_immutable',
    SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
    MESSAGE = format('%s of a data key is refused: settings could not be opened any more', TG_OP),
    HINT = 'Insert the next generation and rotate; DELETE makes the settings unreadable for good.';
END
$$;
REVOKE ALL ON FUNCTION public.refuse_destination_data_keys_change()
  FROM PUBLIC, authenticated, service_role, anon, destinations_loader;

CREATE TRIGGER trigger_refuse_destination_data_keys_change
  BEFORE UPDATE OR TRUNCATE ON public.destination_data_keys
  FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_destination_data_keys_change();
