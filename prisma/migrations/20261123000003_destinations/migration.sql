-- What:     the table destinations with its constraints and indexes.
-- Why:      it is what this package is about.
-- Breaking: no, a new table. Its foreign keys lock organizations, then users, against writes, not reads,
--           for the 10 to 50 ms that this file runs: a new table is empty, so there is nothing to validate.
--           Where the locks do not come within 5 seconds, nothing is changed.
--
-- The login that runs it needs REFERENCES on organizations(id) and users(id), and CREATE on schema public.
--
-- A varchar is limited without the price of a CHECK, and no limit here is about to change. `version` counts
-- the changes of one row, far from 2^31.
-- squawk-ignore-file prefer-text-field, prefer-bigint-over-int

-- Everybody else's writes wait behind a lock that waits: of organizations and users the foreign keys need one.
SET LOCAL lock_timeout = '1s';
SET LOCAL statement_timeout = '60s';
SET LOCAL search_path = pg_catalog, pg_temp;

CREATE TABLE public.destinations (
  id                 uuid         NOT NULL DEFAULT gen_random_uuid(),
  organization_id    uuid         NOT NULL,
  type               varchar(50)  NOT NULL,
  name               varchar(255) NOT NULL,
  description        text,
  environment        varchar(20)  NOT NULL DEFAULT 'production',
  settings           jsonb        NOT NULL DEFAULT '{}',
  settings_encrypted boolean      NOT NULL DEFAULT true,
  required_consent   text[]       NOT NULL DEFAULT '{}',
  enabled            boolean      NOT NULL DEFAULT true,
  test_mode          boolean      NOT NULL DEFAULT false,
  last_tested_at     timestamptz,
  connection_status  varchar(20)  NOT NULL DEFAULT 'unknown',
  last_error         text,
  deleted_at         timestamptz,
  version            integer      NOT NULL DEFAULT 1,
  created_at         timestamptz  NOT NULL DEFAULT now(),
  updated_at         timestamptz  NOT NULL DEFAULT now(),
  created_by         uuid,
  updated_by         uuid,

  CONSTRAINT destinations_pkey PRIMARY KEY (id),
  CONSTRAINT destinations_organization_id_fkey FOREIGN KEY (organization_id)
    REFERENCES public.organizations (id) ON DELETE CASCADE,
  CONSTRAINT destinations_created_by_fkey FOREIGN KEY (created_by)
    REFERENCES public.users (id) ON DELETE SET NULL,
  CONSTRAINT destinations_updated_by_fkey FOREIGN KEY (updated_by)
    REFERENCES public.users (id) ON DELETE SET NULL,

  -- Text and CHECK, not enums: enum_eq is not leakproof, so under row level security PostgreSQL would not
  -- use an index on an enum column.
  CONSTRAINT destinations_valid_type CHECK (
    type IN ('posthog', 'meta-pixel', 'google-analytics', 'console', 'mixpanel', 'amplitude')),
  CONSTRAINT destinations_valid_environment CHECK (
    environment IN ('development', 'staging', 'production')),
  -- `<@` looks into nested arrays too, which no client could read back; the other two keep them out.
  CONSTRAINT destinations_valid_consent CHECK (
    required_consent <@ ARRAY['necessary', 'measurement', 'marketing', 'functionality', 'experience']
    AND cardinality(required_consent) <= 5
    AND coalesce(array_ndims(required_consent), 1) = 1),
  CONSTRAINT destinations_valid_status CHECK (
    connection_status IN ('connected', 'failed', 'unknown', 'testing')),
  CONSTRAINT destinations_valid_name CHECK (name ~ '[^[:space:]]'),
  CONSTRAINT destinations_valid_last_error CHECK (char_length(last_error) <= 500),

  -- `settings_encrypted` says what `settings` is, and this makes it true: the default '{}' or an envelope
  -- where it is true, anything but an envelope where it is false. So nobody can pass an envelope off as
  -- plaintext to skip decryption, nor plaintext as an envelope. A key id has an alphabet, because programs
  -- print it: control characters could steer an operator's terminal.
  CONSTRAINT destinations_valid_settings CHECK (
    jsonb_typeof(settings) = 'object'
    AND CASE
      WHEN NOT settings_encrypted THEN
        NOT settings ?& ARRAY['v', 'alg', 'kid', 'kc', 'iv', 'ct']
      WHEN settings = '{}' THEN
        true
      ELSE
        settings ?& ARRAY['v', 'alg', 'kid', 'kc', 'iv', 'ct']
        AND settings - ARRAY['v', 'alg', 'kid', 'kc', 'iv', 'ct'] = '{}'
        AND settings -> 'v' = '1'
        AND settings -> 'alg' = '"A256GCM"'
        AND jsonb_typeof(settings -> 'kid') = 'string'
        AND jsonb_typeof(settings -> 'kc') = 'string'
        AND jsonb_typeof(settings -> 'iv') = 'string'
        AND jsonb_typeof(settings -> 'ct') = 'string'
        AND settings ->> 'kid' ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'
    END),
  -- For writers other than the client, whose own limit is lower.
  CONSTRAINT destinations_settings_size CHECK (octet_length(settings::text) <= 131072)
) WITH (
  -- Room on each page for the next version of a row, so that updates can stay on it (HOT).
  fillfactor = 90
);

-- Closed from the start, also where the host grants everybody everything on new tables, as Supabase does; the
-- last migration opens it, when triggers and log are in place. FORCE, because the owner would see everything
-- otherwise: backfills and dumps run as service_role.
ALTER TABLE public.destinations ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.destinations FORCE ROW LEVEL SECURITY;
REVOKE ALL ON public.destinations FROM PUBLIC, authenticated, service_role, anon, destinations_loader;

-- One live destination of a type in each environment of an organization. An index, because a constraint
-- cannot have a predicate.
CREATE UNIQUE INDEX destinations_org_type_env_unique
  ON public.destinations (organization_id, type, environment) WHERE deleted_at IS NULL;

-- An update that changes a column which an index names, in its key or its predicate, is not HOT: each
-- index of the table gets a new entry. So the columns of a connection test, `name`, `description`,
-- `required_consent`, `test_mode`, `updated_at` and `version` are in no index except one BRIN, which
-- allows HOT from PostgreSQL 16 on.
--
-- Most indexes hold live rows only, and readers of live rows say `deleted_at IS NULL`.

-- Pages of an organization, newest first, deleted rows included, and the cascade from organizations.
CREATE INDEX idx_destinations_organization_id
  ON public.destinations (organization_id, created_at DESC, id DESC);
-- What a server loads: an organization's rows in one environment, and those that are switched on. The
-- second has `enabled` as its predicate: as a key, PostgreSQL preferred the first.
CREATE INDEX idx_destinations_org_env
  ON public.destinations (organization_id, environment) WHERE deleted_at IS NULL;
CREATE INDEX idx_destinations_org_enabled
  ON public.destinations (organization_id) WHERE enabled AND deleted_at IS NULL;

-- Across organizations, for service_role. Pages of a type, newest first: sorting a type's rows would take
-- longer the larger the table is.
CREATE INDEX idx_destinations_type
  ON public.destinations (type, created_at DESC, id DESC) WHERE deleted_at IS NULL;
-- For equality only. A B-tree stores each of the few different keys once, with a list of rows.
CREATE INDEX idx_destinations_type_env
  ON public.destinations (type, environment) WHERE deleted_at IS NULL;
CREATE INDEX idx_destinations_environment
  ON public.destinations (environment) WHERE deleted_at IS NULL;
-- Only the rare value is worth an index: nearly every row is enabled.
CREATE INDEX idx_destinations_enabled
  ON public.destinations (enabled) WHERE NOT enabled;
-- What is due for purging.
CREATE INDEX idx_destinations_deleted_at
  ON public.destinations (deleted_at) WHERE deleted_at IS NOT NULL;
-- Pages across organizations, newest first. A B-tree, because unlike a BRIN it has an order; it is cheap,
-- because the columns never change and new rows go to the end. With the id, because rows that were made in
-- one transaction have the same time.
CREATE INDEX idx_destinations_created_at
  ON public.destinations (created_at DESC, id DESC) WHERE deleted_at IS NULL;
-- What changed since a time. Every update changes the column, so with anything but a summary of page
-- ranges no update would be HOT; before PostgreSQL 16 none is with this either.
CREATE INDEX idx_destinations_updated_at
  ON public.destinations USING brin (updated_at) WITH (pages_per_range = 16, autosummarize = on);

-- Only rows in plaintext, because ciphertext cannot be searched.
CREATE INDEX idx_destinations_settings_gin
  ON public.destinations USING gin (settings) WHERE NOT settings_encrypted;

-- The foreign keys to users: without these, deleting a user would read the whole table.
CREATE INDEX idx_destinations_created_by
  ON public.destinations (created_by) WHERE created_by IS NOT NULL;
CREATE INDEX idx_destinations_updated_by
  ON public.destinations (updated_by) WHERE updated_by IS NOT NULL;
