-- What:     destination_audit_log, a table that nothing changes once it is written, and prune_destination_audit_log(),
--           which alone removes entries, old ones, and leaves a record of it.
-- Why:      every change of a destination is on record. What writes the table is the next migration.
-- Breaking: no, a new table.
--
-- For the types of columns see destinations.
-- squawk-ignore-file prefer-text-field, prefer-bigint-over-int

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
SET LOCAL search_path = pg_catalog, pg_temp;

-- No foreign keys: an entry outlives the destination, the user and the organization that it names.
CREATE TABLE public.destination_audit_log (
  id              bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
  -- NULL, as are the destination and the version, for a key rotation and for a removal of entries, which concern all
  -- organizations.
  organization_id uuid,
  destination_id  uuid,
  -- The destination's version after the change.
  version         integer,
  action          varchar(20) NOT NULL,
  -- By column: {"name": {"old": "a", "new": "b"}}. Of settings never a value: {"settings": {}}, or
  -- {"settings": {"fields": ["apiKey"]}} where the client said which.
  changes         jsonb       NOT NULL DEFAULT '{}',
  -- Whether the change that made this version changed settings; NULL where none was made, as by a purge.
  settings_changed boolean,
  -- The destination after the change, without its settings. Every 100th version has it, so that any version
  -- can be put together from a hundred entries.
  configuration   jsonb,
  -- The claims' `sub`.
  actor_id        uuid,
  -- The role of the session, and the login that opened it.
  role            varchar(63) NOT NULL,
  login           varchar(63) NOT NULL,
  recorded_at     timestamptz NOT NULL DEFAULT now(),
  transaction_id  bigint      NOT NULL,
  rotation_run    uuid,

  -- No CHECK: nothing but triggers writes here, and PostgreSQL compiles each CHECK again for every
  -- statement. Three of them were a fifth of what the log costs a write.
  CONSTRAINT destination_audit_log_pkey PRIMARY KEY (id)
);

-- By id and not by time: of one destination, ids increase with its versions, because a writer locks the row
-- before its entry gets an id, and until it commits. NULLS LAST, although no id is null, because the primary
-- key does not have this order: if it had, PostgreSQL would read it past any number of entries of others.
-- With the organization, which row level security adds: for one that has no such destination nothing is read.
CREATE INDEX idx_destination_audit_log_destination
  ON public.destination_audit_log (destination_id, organization_id, id DESC NULLS LAST);
-- A destination's versions, and the next version that changed settings among any number of others. Partial, so that PostgreSQL does not read the log of one destination by it, whose order
-- it does not have.
CREATE INDEX idx_destination_audit_log_version
  ON public.destination_audit_log (destination_id, settings_changed, version) WHERE settings_changed IS NOT NULL;
CREATE INDEX idx_destination_audit_log_organization
  ON public.destination_audit_log (organization_id, id DESC NULLS LAST);
-- What one user did. Without entries of nobody, which jobs write.
CREATE INDEX idx_destination_audit_log_actor
  ON public.destination_audit_log (organization_id, actor_id, id DESC NULLS LAST) WHERE actor_id IS NOT NULL;
-- An organization's log of a time: pages in its order, as the entries of a time are not those of a range of ids.
CREATE INDEX idx_destination_audit_log_time
  ON public.destination_audit_log (organization_id, recorded_at DESC, id DESC);
-- One entry for each run of a key rotation.
CREATE UNIQUE INDEX destination_audit_log_rotation_run_unique
  ON public.destination_audit_log (rotation_run) WHERE rotation_run IS NOT NULL;

-- What loaders poll for: which organizations changed in the transactions that may have ended since the last
-- poll. Those are the newest entries, so that a poll reads a few pages of the index's end, and none of the
-- table's where VACUUM has been.
CREATE INDEX idx_destination_audit_log_transaction
  ON public.destination_audit_log (transaction_id, organization_id);

-- For the past of all organizations: what happened since a time, or on one day. Entries come in the order of
-- time and never change, so a summary of page ranges is enough, and costs a write next to nothing. Such an
-- index is read whole, also where PostgreSQL combines it with an organization's: with ranges of 512 pages
-- that takes 0.07 ms among 8 million entries, with the usual 128 it took 0.3 ms. A day of such a log has some
-- 300 pages.
CREATE INDEX idx_destination_audit_log_recorded_at
  ON public.destination_audit_log USING brin (recorded_at) WITH (autosummarize = on, pages_per_range = 512);

-- Closed from the start; see destinations. The identity has a sequence, which is granted separately.
ALTER TABLE public.destination_audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.destination_audit_log FORCE ROW LEVEL SECURITY;
REVOKE ALL ON public.destination_audit_log FROM PUBLIC, authenticated, service_role, anon, destinations_loader;
REVOKE ALL ON SEQUENCE public.destination_audit_log_id_seq
  FROM PUBLIC, authenticated, service_role, anon, destinations_loader;

-- Append-only. Grants bind everybody but the owner and superusers; triggers bind these too.
CREATE TRIGGER trigger_refuse_destination_audit_log_change
  BEFORE UPDATE OR TRUNCATE ON public.destination_audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_destination_statement('the log is append-only');
-- Retention alone deletes. Nobody has DELETE, so that this marker is of use to prune_destination_audit_log() and to
-- superusers, who find that the trigger behind it records what they delete, and lets nothing recent go.
CREATE TRIGGER trigger_refuse_destination_audit_log_delete
  BEFORE DELETE ON public.destination_audit_log
  FOR EACH STATEMENT WHEN (pg_catalog.current_setting('destinations.log_retention', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION public.refuse_destination_statement('the log is append-only');
-- At depth 0 a statement wrote here, not a trigger.
CREATE TRIGGER trigger_refuse_destination_audit_log_insert
  BEFORE INSERT ON public.destination_audit_log
  FOR EACH STATEMENT WHEN (pg_catalog.pg_trigger_depth() = 0)
  EXECUTE FUNCTION public.refuse_destination_statement('only changes of destinations write the log');

-- What restores rows without their sequence, such as a data-only dump or logical replication, leaves it behind the ids that
-- are there: entries would be refused as duplicates, or get ids below those of earlier ones. So the sequence goes past them
-- before the next entry is written. Under a lock, because whoever sets a sequence may set it back; the ids that are left out
-- are for writers who draw one meanwhile.
CREATE FUNCTION public.advance_destination_audit_log_id() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  sequence CONSTANT regclass := 'public.destination_audit_log_id_seq';
  newest bigint := (SELECT id FROM public.destination_audit_log ORDER BY id DESC LIMIT 1);
BEGIN
  IF newest > coalesce(pg_sequence_last_value(sequence), 0) THEN
    PERFORM pg_advisory_xact_lock(hashtextextended('public.destination_audit_log_id_seq', 0));
    IF newest > nextval(sequence) THEN
      PERFORM setval(sequence, newest + 10000);
    END IF;
  END IF;
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION public.advance_destination_audit_log_id()
  FROM PUBLIC, authenticated, service_role, anon, destinations_loader;

CREATE TRIGGER trigger_advance_destination_audit_log_id
  BEFORE INSERT ON public.destination_audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION public.advance_destination_audit_log_id();

-- Whatever deletes entries leaves one of its own, in the same transaction: who, how many, which ids, up to what time. And
-- nobody deletes what is younger than 30 days, so that whoever takes over the service's login cannot hide what it does.
CREATE FUNCTION public.log_pruned_destination_audit_log() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  gone record;
BEGIN
  SELECT count(*) AS entries, min(id) AS first_id, max(id) AS last_id, max(recorded_at) AS newest
    INTO gone FROM old_rows;
  IF gone.entries = 0 THEN
    RETURN NULL;
  END IF;
  IF gone.newest > now() - interval '30 days' THEN
    RAISE EXCEPTION USING
      ERRCODE = 'check_violation', CONSTRAINT = 'destination_audit_log_shortest_retention',
      SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
      MESSAGE = 'entries of the last 30 days stay in the log',
      HINT = 'Name a time that is 30 days ago or longer.';
  END IF;
  INSERT INTO public.destination_audit_log (action, changes, actor_id, role, login, transaction_id)
  VALUES ('log_pruned',
    jsonb_build_object(
      'entries', jsonb_build_object('old', gone.entries),
      'first_id', jsonb_build_object('old', gone.first_id::text),
      'last_id', jsonb_build_object('old', gone.last_id::text),
      'recorded_at', jsonb_build_object('old', gone.newest)),
    public.destinations_claim('sub'),
    coalesce(nullif(current_setting('role'), 'none'), session_user), session_user,
    pg_current_xact_id()::text::bigint);
  RETURN NULL;
END
$$;

CREATE TRIGGER trigger_log_pruned_destination_audit_log
  AFTER DELETE ON public.destination_audit_log
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION public.log_pruned_destination_audit_log();

-- Removes entries that were recorded before a time, of as many ids behind `after_id` as `page_size` says. It returns how many
-- went, and the id behind which the next entry is, NULL where there is none. A page is a short transaction, which locks nothing
-- that anybody else wants; pages of other ids may go at the same time.
--
-- Where the log is exported, `exported_to` is the newest id that the export knew, and `unseen` are the transactions that it did
-- not see yet: their entries stay.
CREATE FUNCTION public.prune_destination_audit_log(
  recorded_before timestamptz,
  after_id bigint,
  page_size integer,
  exported_to bigint DEFAULT NULL,
  unseen bigint[] DEFAULT '{}',
  OUT removed bigint,
  OUT last_id bigint
)
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
  -- By the primary key, whatever the planner expects of the times: it would read all that is older for each page.
  SET enable_seqscan = off
  SET enable_bitmapscan = off
AS $$
BEGIN
  IF recorded_before IS NULL OR recorded_before > now() - interval '30 days' THEN
    RAISE EXCEPTION USING
      ERRCODE = 'check_violation', CONSTRAINT = 'destination_audit_log_shortest_retention',
      SCHEMA = 'public', TABLE = 'destination_audit_log',
      MESSAGE = 'entries of the last 30 days stay in the log',
      HINT = 'Name a time that is 30 days ago or longer.';
  END IF;
  SET LOCAL destinations.log_retention = 'on';
  last_id := coalesce(after_id, (SELECT id - 1 FROM public.destination_audit_log ORDER BY id LIMIT 1))
    + greatest(1, least(page_size, 10000));
  DELETE FROM public.destination_audit_log
   WHERE id > coalesce(after_id, 0) AND id <= last_id AND recorded_at < recorded_before
     AND (exported_to IS NULL OR id <= exported_to)
     AND transaction_id <> ALL (coalesce(unseen, '{}'));
  GET DIAGNOSTICS removed = ROW_COUNT;
  last_id := (SELECT id - 1 FROM public.destination_audit_log WHERE id > last_id ORDER BY id LIMIT 1);
  SET LOCAL destinations.log_retention = 'off';
END
$$;

REVOKE ALL ON FUNCTION public.log_pruned_destination_audit_log(),
  public.prune_destination_audit_log(timestamptz, bigint, integer, bigint, bigint[])
  FROM PUBLIC, authenticated, service_role, anon, destinations_loader;
