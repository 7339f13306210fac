-- What:     the table destinations with its constraints and indexes.
-- Why:      it is what this package is about.
-- Breaking: no, a new table. Its foreign keys lock organizations and users against writes for a moment;
--           where that lock does not come within 5 seconds, nothing is changed: say
--             npx prisma migrate resolve --rolled-back 20261123000002_destinations
--           and deploy again.
--
-- Who runs it needs REFERENCES on organizations(id) and users(id), and CREATE on schema public.

SET LOCAL lock_timeout = '5s';
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

  -- Text and CHECK, not enums: enum_eq is not leakproof, so that under row level security an index on
  -- an enum column would not be used.
  CONSTRAINT destinations_valid_type CHECK (
    type IN ('posthog', 'meta-pixel', 'google-analytics', 'console', 'mixpanel', 'amplitude')),
  CONSTRAINT destinations_valid_environment CHECK (
    environment IN ('development', 'staging', 'production')),
  -- `<@` looks into nested arrays too, which no client could read back; the last two keep them out.
  CONSTRAINT destinations_valid_consent CHECK (
    required_consent <@ ARRAY['necessary', 'measurement', 'marketing', 'functionality', 'experience']
    AND cardinality(required_consent) <= 5
    AND coalesce(array_ndims(required_consent), 1) = 1),
  CONSTRAINT destinations_valid_status CHECK (
    connection_status IN ('connected', 'failed', 'unknown', 'testing')),
  CONSTRAINT destinations_valid_name CHECK (name ~ '[^[:space:]]'),
  CONSTRAINT destinations_valid_last_error CHECK (char_length(last_error) <= 500),

  -- `settings_encrypted` says what `settings` is, and this holds it to that: the default '{}' or an
  -- envelope where true, anything but an envelope where false. So a row cannot be passed off as
  -- plaintext to skip decryption, nor plaintext as an envelope. A key id has its alphabet, because programs
  -- print it: one with control characters could steer an operator's terminal.
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
  -- A backstop: the client's own limit is lower.
  CONSTRAINT destinations_settings_size CHECK (octet_length(settings::text) <= 131072)
) WITH (
  -- Room on each page for the next version of a row, so that updates can stay on it (HOT).
  fillfactor = 90
);

-- One live destination of a type in each environment of an organization. A constraint cannot have a
-- predicate, an index can.
CREATE UNIQUE INDEX destinations_org_type_env_unique
  ON public.destinations (organization_id, type, environment) WHERE deleted_at IS NULL;

-- Every column that an index names, in its key, its INCLUDE or its predicate, costs the updates that
-- change it their HOT path: each index of the table gets a new entry. So the columns of a connection
-- test, `name`, `description`, `required_consent`, `test_mode`, `updated_at` and `version` are in no
-- index, but for one BRIN, which is no obstacle from PostgreSQL 16 on.
--
-- Readers of live rows say `deleted_at IS NULL`, and most indexes hold live rows only.

-- Pages of an organization, newest first, deleted rows included, and its cascade.
CREATE INDEX idx_destinations_organization_id
  ON public.destinations (organization_id, created_at DESC, id DESC);
-- An organization in one environment, and what of it is switched on: what a server loads. The second
-- has `enabled` as a predicate, not as a key: as a key it was not chosen over the first.
CREATE INDEX idx_destinations_org_env
  ON public.destinations (organization_id, environment) WHERE deleted_at IS NULL;
CREATE INDEX idx_destinations_org_enabled
  ON public.destinations (organization_id) WHERE enabled AND deleted_at IS NULL;

-- Across organizations, for service_role. Pages of a type, newest first: a sort of one type of
-- millions would grow with the table.
CREATE INDEX idx_destinations_type
  ON public.destinations (type, created_at DESC, id DESC) WHERE deleted_at IS NULL;
-- Equality only: few different keys, which a B-tree stores once each with a list of rows.
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
-- Newest first across organizations. It never changes and new rows go to its end, so that a B-tree is
-- cheap, and unlike a BRIN it has an order.
CREATE INDEX idx_destinations_created_at
  ON public.destinations (created_at);
-- "Changed since". Every update changes it, so anything but a summary of page ranges would cost every
-- update its HOT path; before PostgreSQL 16 this does too.
CREATE INDEX idx_destinations_updated_at
  ON public.destinations USING brin (updated_at) WITH (pages_per_range = 16, autosummarize = on);

-- Ciphertext cannot be searched, so only rows in plaintext are in it.
CREATE INDEX idx_destinations_settings_gin
  ON public.destinations USING gin (settings) WHERE NOT settings_encrypted;

-- The foreign keys to users: deleting a user would read the whole table.
CREATE INDEX idx_destinations_created_by
  ON public.destinations (created_by) WHERE created_by IS NOT NULL;
CREATE INDEX idx_destinations_updated_by
  ON public.destinations (updated_by) WHERE updated_by IS NOT NULL;
