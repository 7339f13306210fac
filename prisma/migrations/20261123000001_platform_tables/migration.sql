-- What:     organizations(id) and users(id), where the database does not have them.
-- Why:      destinations refer to both. They belong to the platform, so tables that exist are only
--           looked at: nothing of them changes.
-- Breaking: no. Stops with an error where an existing table has no uuid `id` that a foreign key can refer to.
--
-- A database that was never migrated by Prisma and has tables gets P3005. Where it has these two, say
--   npx prisma migrate resolve --applied 20261123000001_platform_tables
-- and deploy again.
--
-- Prisma sends this file as one message, which PostgreSQL runs as one transaction: all of it happens
-- or nothing, and SET LOCAL ends with it. The same holds for each file of the set.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
DECLARE
  wanted text;
  existing pg_catalog.pg_class%ROWTYPE;
  id_type regtype;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['organizations', 'users'] LOOP
    SELECT c.* INTO existing
      FROM pg_catalog.pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relname = wanted;

    IF NOT FOUND THEN
      EXECUTE format(
        'CREATE TABLE public.%I (
           id uuid NOT NULL DEFAULT gen_random_uuid(),
           CONSTRAINT %I PRIMARY KEY (id)
         )', wanted, wanted || '_pkey');
      -- Closed from the start, also where the host grants everybody everything on new tables; the last
      -- migration opens it.
      EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', wanted);
      EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', wanted);
      -- By this comment the last migration knows that policies and grants on the table are its own to set.
      EXECUTE format('COMMENT ON TABLE public.%I IS %L', wanted,
        'Created by @consent-io/destinations, because the platform had no such table.');
      CONTINUE;
    END IF;

    SELECT a.atttypid INTO id_type
      FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = existing.oid AND a.attname = 'id' AND NOT a.attisdropped;

    IF existing.relkind NOT IN ('r', 'p') THEN
      RAISE EXCEPTION USING
        ERRCODE = 'wrong_object_type', SCHEMA = 'public', TABLE = wanted,
        MESSAGE = format('public.%I is not a table, so destinations cannot refer to it', wanted),
        HINT = 'Rename it, and see "Tenants elsewhere" in docs/guides/migrate.md, or make it a table with a uuid primary key "id".';
    ELSIF id_type IS DISTINCT FROM 'uuid'::regtype THEN
      RAISE EXCEPTION USING
        ERRCODE = 'datatype_mismatch', SCHEMA = 'public', TABLE = wanted, COLUMN = 'id',
        MESSAGE = format('public.%I must have a column "id" of type uuid, but %s', wanted,
          coalesce('it is of type ' || id_type::text, 'there is none')),
        HINT = 'Policies and the claims of a token compare uuids, and encrypted settings are bound to one. Nothing was changed. Where the ids are other ones, rename the table and see "Tenants elsewhere" in docs/guides/migrate.md.';
    ELSIF NOT EXISTS (
      SELECT FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
       WHERE i.indrelid = existing.oid AND a.attname = 'id' AND i.indnkeyatts = 1
         AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL
    ) THEN
      RAISE EXCEPTION USING
        ERRCODE = 'invalid_foreign_key', SCHEMA = 'public', TABLE = wanted, COLUMN = 'id',
        MESSAGE = format('public.%I.id has no primary key or unique constraint, so destinations cannot refer to it', wanted),
        HINT = format('ALTER TABLE public.%I ADD PRIMARY KEY (id); then deploy again.', wanted);
    END IF;
  END LOOP;
END
$$;
