-- Tenants and users that are in other tables than public.organizations and public.users, under other names or in other
-- schemas, such as auth.users of Supabase. The migrations have made those two, because the database had none; this
-- script fills them, and has triggers keep them so: an id for each tenant and each user, and nothing else of them.
-- Deleting a tenant deletes its destinations; deleting a user takes it from created_by and updated_by.
--
-- Run it after the migrations, as the login that ran them, who needs SELECT and TRIGGER on your tables; running it again
-- does no harm:
--   psql "$MIGRATOR_URL" --single-transaction -v ON_ERROR_STOP=1 \
--     -v tenants=public.tenants -v tenant_key=id -v users=auth.users -v user_key=id -f tenants-elsewhere.sql
--
-- With an empty name, as in `-v users=`, that table is left as it is. A key is a uuid, unique and never null, and
-- never changes. Where yours is a number, give the table a second one:
--   ALTER TABLE public.tenants ADD COLUMN public_id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE;

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL lock_timeout = '5s';

SELECT set_config('destinations.elsewhere', json_build_array(
  json_build_object('name', 'organizations', 'source', :'tenants', 'key', :'tenant_key'),
  json_build_object('name', 'users', 'source', :'users', 'key', :'user_key'))::text, true);

DO $$
DECLARE
  elsewhere record;
  source regclass;
  key_type regtype;
BEGIN
  FOR elsewhere IN
    SELECT * FROM json_to_recordset(current_setting('destinations.elsewhere')::json) AS t (name text, source text, key text)
     WHERE t.source <> ''
  LOOP
    source := to_regclass(elsewhere.source);
    IF source IS NULL THEN
      RAISE EXCEPTION 'There is no table %: write its name with its schema', elsewhere.source;
    END IF;
    SELECT atttypid INTO key_type FROM pg_attribute
     WHERE attrelid = source AND attname = elsewhere.key AND NOT attisdropped;
    IF key_type IS DISTINCT FROM 'uuid'::regtype THEN
      RAISE EXCEPTION USING
        ERRCODE = 'datatype_mismatch',
        MESSAGE = format('%s must have a column "%s" of type uuid, but %s', source, elsewhere.key,
          coalesce('it is of type ' || key_type::text, 'there is none')),
        HINT = format('Policies and the claims of a token compare uuids, and encrypted settings are bound to one. Add a second key: ALTER TABLE %s ADD COLUMN public_id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE; and name it here.', source);
    ELSIF NOT EXISTS (
      SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
       WHERE i.indrelid = source AND a.attname = elsewhere.key AND a.attnotnull AND i.indnkeyatts = 1
         AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
    ) THEN
      RAISE EXCEPTION '%.% must be unique and NOT NULL', source, elsewhere.key;
    ELSIF NOT EXISTS (
      SELECT FROM pg_class
       WHERE oid = to_regclass('public.' || elsewhere.name) AND relowner = current_user::regrole
         AND obj_description(oid, 'pg_class')
           = 'Created by @consent-io/destinations, because the platform had no such table.'
    ) THEN
      RAISE EXCEPTION 'public.% is not a table that the migrations made as %', elsewhere.name, current_user;
    END IF;

    -- As the owner, whom the policy lets write within a trigger and nowhere else.
    EXECUTE format(
      'CREATE OR REPLACE FUNCTION public.mirror_destination_%1$s() RETURNS trigger
         LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
       AS $mirror$
       BEGIN
         IF TG_OP = ''INSERT'' THEN
           INSERT INTO public.%1$I (id) SELECT %2$I FROM new_rows ON CONFLICT DO NOTHING;
         ELSIF TG_OP = ''DELETE'' THEN
           DELETE FROM public.%1$I WHERE id IN (SELECT %2$I FROM old_rows);
         ELSIF TG_OP = ''TRUNCATE'' THEN
           RAISE EXCEPTION ''%3$s cannot be truncated: destinations refer to it; use DELETE'';
         ELSIF EXISTS (SELECT %2$I FROM old_rows EXCEPT SELECT %2$I FROM new_rows) THEN
           RAISE EXCEPTION ''%2$s of %3$s cannot be changed: destinations refer to it'';
         END IF;
         RETURN NULL;
       END
       $mirror$', elsewhere.name, elsewhere.key, source);
    EXECUTE format('REVOKE ALL ON FUNCTION public.mirror_destination_%s()
      FROM PUBLIC, authenticated, service_role, anon, destinations_loader', elsewhere.name);
    EXECUTE format('CREATE OR REPLACE TRIGGER destinations_insert AFTER INSERT ON %s
      REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.mirror_destination_%s()',
      source, elsewhere.name);
    EXECUTE format('CREATE OR REPLACE TRIGGER destinations_delete AFTER DELETE ON %s
      REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.mirror_destination_%s()',
      source, elsewhere.name);
    EXECUTE format('CREATE OR REPLACE TRIGGER destinations_update AFTER UPDATE ON %s
      REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
      FOR EACH STATEMENT EXECUTE FUNCTION public.mirror_destination_%s()', source, elsewhere.name);
    EXECUTE format('CREATE OR REPLACE TRIGGER destinations_truncate BEFORE TRUNCATE ON %s
      FOR EACH STATEMENT EXECUTE FUNCTION public.mirror_destination_%s()', source, elsewhere.name);

    -- What is there already. Nobody writes to the source before the end of this transaction.
    EXECUTE format('ALTER TABLE public.%I NO FORCE ROW LEVEL SECURITY', elsewhere.name);
    EXECUTE format('INSERT INTO public.%I (id) SELECT %I FROM %s ON CONFLICT DO NOTHING',
      elsewhere.name, elsewhere.key, source);
    EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', elsewhere.name);
  END LOOP;
END
$$;
