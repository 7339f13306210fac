-- What:     destination_data_keys, each organization's data keys, wrapped by a key management service.
-- Why:      for services whose keys come from EnvelopeKeyProvider. Deleting an organization's rows makes
--           its settings unreadable for good, in backups of destinations too.
-- Breaking: no, a new table; it stays empty where keys come from a key ring. Its foreign key locks
--           organizations against writes for a moment; where that lock does not come within 5 seconds,
--           nothing is changed: say
--             npx prisma migrate resolve --rolled-back 20261123000010_data_keys
--           and deploy again.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
SET LOCAL search_path = pg_catalog, pg_temp;

CREATE TABLE public.destination_data_keys (
  -- The key id in the envelopes.
  id              uuid        NOT NULL DEFAULT gen_random_uuid(),
  organization_id uuid        NOT NULL,
  -- The highest seals, all of them open. It is what keeps two processes from making two first keys.
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

ALTER TABLE public.destination_data_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.destination_data_keys FORCE ROW LEVEL SECURITY;

-- A tenant's reads and writes need its own organization's keys: wrapped, so that they are worth nothing
-- without the key management service.
CREATE POLICY destination_data_keys_organization_isolation ON public.destination_data_keys
  FOR SELECT TO authenticated
  USING (organization_id = (SELECT public.destinations_claim('organization_id')));
-- The first key comes with the first write. A later generation would take over from it, so tenants make none.
CREATE POLICY destination_data_keys_first_key ON public.destination_data_keys
  FOR INSERT TO authenticated
  WITH CHECK (
    organization_id = (SELECT public.destinations_claim('organization_id')) AND generation = 1);
CREATE POLICY destination_data_keys_service_access ON public.destination_data_keys
  FOR ALL TO service_role
  USING (true)
  WITH CHECK (true);
CREATE POLICY destination_data_keys_no_anonymous ON public.destination_data_keys
  AS RESTRICTIVE FOR ALL TO anon
  USING (false)
  WITH CHECK (false);

-- Without `id` and `created_at`: an id of somebody else's choice would tell whether it is taken.
REVOKE ALL ON public.destination_data_keys FROM PUBLIC, authenticated, service_role, anon;
GRANT SELECT, INSERT (organization_id, generation, wrapped_key) ON public.destination_data_keys TO authenticated;
GRANT SELECT, INSERT (organization_id, generation, wrapped_key), DELETE
  ON public.destination_data_keys TO service_role;

-- A wrapped key that is overwritten is lost, and with it the settings. Deleting is how that is done on purpose.
CREATE FUNCTION public.refuse_destination_data_key_change() RETURNS trigger
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
REVOKE ALL ON FUNCTION public.refuse_destination_data_key_change() FROM PUBLIC, authenticated, service_role, anon;

CREATE TRIGGER trigger_refuse_destination_data_key_change
  BEFORE UPDATE OR TRUNCATE ON public.destination_data_keys
  FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_destination_data_key_change();
