-- Distributes the tables by organization over the workers of a Citus cluster: an organization's rows of every table, its log
-- and its earlier settings included, lie together on one worker. docs/guides/scale.md says when that is worth it, and how to go there.
--
-- Run it once, on the coordinator, after the migrations and logins.sql, as a superuser; then citus-nodes.sql:
--   psql "$MIGRATOR_URL" --single-transaction -v ON_ERROR_STOP=1 -f citus.sql
--
-- All of it happens or nothing. Until it is committed nobody else reads or writes the tables. What is in them is copied to the
-- workers, and stays on the coordinator, where nothing reads it any more, until
--   SELECT truncate_local_data_after_distributing_table('public.destinations'); and so on, as the guide says.
-- From then on clients and loaders have the option `citus: true`.
--
-- What Citus does not take is replaced by what it does: keys have the organization in front, triggers of statements that look at all of
-- their rows run for each row, policies have no sub-selects, and a key rotation has an entry of the log for each organization.

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL TimeZone = 'UTC';

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
    RAISE EXCEPTION USING
      ERRCODE = 'feature_not_supported',
      MESSAGE = 'this database has no Citus, so nothing was changed',
      HINT = 'Run this on the coordinator of a cluster, after CREATE EXTENSION citus; see docs/guides/scale.md.';
  ELSIF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    RAISE EXCEPTION USING
      ERRCODE = 'insufficient_privilege',
      MESSAGE = format('%I is not a superuser, so nothing was changed', current_user),
      HINT = 'Roles get LOGIN here, and entries of the log an organization. Have an administrator run it.';
  ELSIF to_regprocedure('public.delete_purged_destination_settings()') IS NULL THEN
    RAISE EXCEPTION USING
      ERRCODE = 'undefined_table',
      MESSAGE = 'the migrations of destinations did not run in this database, so nothing was changed',
      HINT = 'Deploy them first: npx prisma migrate deploy';
  END IF;
  IF EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = 'public.destinations'::regclass) THEN
    RAISE EXCEPTION USING
      ERRCODE = 'duplicate_object',
      MESSAGE = 'the tables are distributed already, so nothing was changed',
      HINT = 'citus.sql runs once. citus-nodes.sql may run again, and does so after a node was added.';
  ELSIF NOT citus_is_coordinator() THEN
    RAISE EXCEPTION USING
      ERRCODE = 'feature_not_supported',
      MESSAGE = 'this server is not the coordinator of its cluster, so nothing was changed',
      HINT = 'Connect to the coordinator.';
  END IF;
END
$$;

-- Citus asks for this before it takes a table with triggers: they may not look beyond their own worker. These look at rows of the
-- organization whose row was changed, which are on the same one.
SET LOCAL citus.enable_unsafe_triggers = on;
SET LOCAL citus.multi_shard_modify_mode = 'sequential';

-- Keys: with the column by which rows are distributed.

ALTER TABLE public.destinations
  DROP CONSTRAINT destinations_organization_id_fkey,
  DROP CONSTRAINT destinations_created_by_fkey,
  DROP CONSTRAINT destinations_updated_by_fkey,
  DROP CONSTRAINT destinations_pkey,
  ADD CONSTRAINT destinations_pkey PRIMARY KEY (organization_id, id);
ALTER TABLE public.destination_settings_history
  DROP CONSTRAINT destination_settings_history_pkey,
  ADD CONSTRAINT destination_settings_history_pkey PRIMARY KEY (organization_id, destination_id, version);
ALTER TABLE public.destination_data_keys
  DROP CONSTRAINT destination_data_keys_organization_id_fkey,
  DROP CONSTRAINT destination_data_keys_pkey,
  ADD CONSTRAINT destination_data_keys_pkey PRIMARY KEY (organization_id, id);

-- Entries of no organization, those of key rotations and of removed entries, get the nil UUID, which no organization has: no row has a place without one.
-- They are the only thing that ever changes in the log, and it changes only this.
SET LOCAL session_replication_role = replica;
UPDATE public.destination_audit_log SET organization_id = '00000000-0000-0000-0000-000000000000'
 WHERE organization_id IS NULL;
SET LOCAL session_replication_role = origin;
ALTER TABLE public.destination_audit_log
  DROP CONSTRAINT destination_audit_log_pkey,
  ADD CONSTRAINT destination_audit_log_pkey PRIMARY KEY (organization_id, id);
-- Exports and removals go by transactions, whose entries are in order by this; loaders find all that they look for in it, as before.
DROP INDEX public.idx_destination_audit_log_transaction;
CREATE INDEX idx_destination_audit_log_transaction
  ON public.destination_audit_log (transaction_id, id, organization_id);
DROP INDEX public.destination_audit_log_rotation_run_unique;
CREATE UNIQUE INDEX destination_audit_log_rotation_run_unique
  ON public.destination_audit_log (organization_id, rotation_run) WHERE rotation_run IS NOT NULL;

-- Triggers: for each row what was for each statement. The text of the functions is that of the migrations, with the row in the
-- place of the table of all rows.

DROP TRIGGER trigger_log_created_destinations ON public.destinations;
DROP TRIGGER trigger_log_changed_destinations ON public.destinations;
DROP TRIGGER trigger_log_purged_destinations ON public.destinations;
DROP TRIGGER trigger_delete_purged_destination_settings ON public.destinations;
DROP TRIGGER trigger_log_rotated_destination_settings ON public.destination_settings_history;
DROP TRIGGER trigger_advance_destination_audit_log_id ON public.destination_audit_log;
DROP TRIGGER trigger_log_pruned_destination_audit_log ON public.destination_audit_log;
DROP TRIGGER trigger_refuse_destination_audit_log_insert ON public.destination_audit_log;

-- The others come back below. Meanwhile they must not take the rows that are copied for new ones.
CREATE TEMPORARY TABLE kept_triggers ON COMMIT DROP AS
  SELECT tgrelid::regclass AS of, tgname AS name, pg_get_triggerdef(oid) AS definition
    FROM pg_trigger
   WHERE NOT tgisinternal AND tgrelid IN ('public.destinations'::regclass, 'public.destination_audit_log'::regclass,
     'public.destination_settings_history'::regclass, 'public.destination_data_keys'::regclass);
DO $$
DECLARE
  kept record;
BEGIN
  FOR kept IN SELECT * FROM pg_temp.kept_triggers LOOP
    EXECUTE format('DROP TRIGGER %I ON %s', kept.name, kept.of);
  END LOOP;
END
$$;

DO $rewrite$
DECLARE
  name text;
  body text;
BEGIN
  FOREACH name IN ARRAY ARRAY['log_created_destinations', 'log_changed_destinations', 'log_purged_destinations'] LOOP
    body := pg_get_functiondef(format('public.%I()', name)::regprocedure);
    body := regexp_replace(body, '\m(FROM|JOIN)\s+(old|new)_rows\s+AS\s+(\w+)', '\1 (SELECT \2.*) AS \3', 'g');
    body := regexp_replace(body, '\m(FROM|JOIN)\s+(old|new)_rows\M', '\1 (SELECT \2.*) AS \2_rows', 'g');
    body := replace(body, 'log_destinations_key_rotation()', 'log_destinations_key_rotation(new.organization_id)');
    -- Times within the log are written in it, also by a worker whose own zone is another.
    body := replace(body, ' SECURITY DEFINER', E' SECURITY DEFINER\n SET "TimeZone" TO ''UTC''');
    EXECUTE body;
  END LOOP;
END
$rewrite$;

DROP FUNCTION public.log_destinations_key_rotation();
CREATE FUNCTION public.log_destinations_key_rotation(organization uuid) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO public.destination_audit_log
    (organization_id, action, actor_id, role, login, transaction_id, rotation_run)
  VALUES (organization, 'keys_rotated', public.destinations_claim('sub'),
    coalesce(nullif(current_setting('role'), 'none'), session_user), session_user,
    pg_current_xact_id()::text::bigint,
    nullif(current_setting('destinations.rotation_run', true), '')::uuid)
  ON CONFLICT DO NOTHING;
END
$$;

CREATE OR REPLACE FUNCTION public.log_rotated_destination_settings() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM public.log_destinations_key_rotation(NEW.organization_id);
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION public.delete_purged_destination_settings() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  DELETE FROM public.destination_settings_history
   WHERE organization_id = OLD.organization_id AND destination_id = OLD.id;
  RETURN NULL;
END
$$;

-- Each worker draws ids from a range of its own, of 2^48. Of one organization they increase all the same, after its rows were moved to
-- a worker with a lower range, too: the id then goes to the upper half of a higher range, where no worker draws. There stands the number of the
-- range that it was drawn from in front of its place in that, 37 bits, so that no two entries have the same id.
--
-- And each entry says which node wrote it, as `transaction_id` is of that node alone: in front of the number, from 2^48 on, stands the node's group
-- and 1. A node without shards has none, and what has none was written before the tables were distributed. Rows keep it wherever
-- they are moved, so that what a node had committed at a time is known of all of them.
CREATE OR REPLACE FUNCTION public.advance_destination_audit_log_id() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  range CONSTANT bigint := 1::bigint << 48;
  newest bigint := (SELECT id FROM public.destination_audit_log
    WHERE organization_id = NEW.organization_id ORDER BY id DESC LIMIT 1);
BEGIN
  IF newest >= NEW.id THEN
    NEW.id := newest / range * range + (range >> 1) + (NEW.id / range << 37) + NEW.id % range;
    IF newest >= NEW.id THEN
      NEW.id := NEW.id + range;
    END IF;
  END IF;
  NEW.transaction_id := (SELECT groupid + 1 FROM pg_dist_local_group) * range + pg_current_xact_id()::text::bigint;
  RETURN NEW;
END
$$;

-- Nobody deletes what is younger than 30 days. What is removed, prune_destination_audit_log() records: no trigger of a worker sees all
-- that a statement deletes.
CREATE OR REPLACE FUNCTION public.log_pruned_destination_audit_log() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF OLD.recorded_at > now() - interval '30 days' THEN
    RAISE EXCEPTION USING
      ERRCODE = 'check_violation', CONSTRAINT = 'destination_audit_log_shortest_retention',
      SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
      MESSAGE = 'entries of the last 30 days stay in the log',
      HINT = 'Name a time that is 30 days ago or longer.';
  END IF;
  RETURN OLD;
END
$$;

-- A page in the order of transactions, which are those of one node after the other: of what is behind an entry, up to the transaction `last_transaction`.
-- It returns the last that it looked at, NULL where there was none. Where the log is exported, `unseen` are transactions up to there that the export
-- did not see yet: their entries stay.
DROP FUNCTION public.prune_destination_audit_log(timestamptz, bigint, integer, bigint, bigint[]);
CREATE FUNCTION public.prune_destination_audit_log(
  recorded_before timestamptz,
  after_transaction bigint,
  after_id bigint,
  last_transaction bigint,
  page_size integer,
  unseen bigint[] DEFAULT '{}',
  OUT removed bigint,
  OUT seen_transaction bigint,
  OUT seen_id bigint
)
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
  -- So that the workers learn of what is set below.
  SET citus.propagate_set_commands = 'local'
AS $$
DECLARE
  first bigint;
  last bigint;
  newest timestamptz;
BEGIN
  IF recorded_before IS NULL OR recorded_before > now() - interval '30 days' THEN
    RAISE EXCEPTION USING
      ERRCODE = 'check_violation', CONSTRAINT = 'destination_audit_log_shortest_retention',
      SCHEMA = 'public', TABLE = 'destination_audit_log',
      MESSAGE = 'entries of the last 30 days stay in the log',
      HINT = 'Name a time that is 30 days ago or longer.';
  END IF;
  SET LOCAL destinations.log_retention = 'on';
  SELECT page.transaction_id, page.id INTO seen_transaction, seen_id FROM (
    SELECT transaction_id, id FROM public.destination_audit_log
     WHERE (transaction_id, id) > (after_transaction, after_id) AND transaction_id <= last_transaction
     ORDER BY transaction_id, id LIMIT greatest(1, least(page_size, 10000))) AS page
   ORDER BY page.transaction_id DESC, page.id DESC LIMIT 1;
  SELECT count(*), min(id), max(id), max(recorded_at) INTO removed, first, last, newest
    FROM public.destination_audit_log
   WHERE (transaction_id, id) > (after_transaction, after_id) AND (transaction_id, id) <= (seen_transaction, seen_id)
     AND recorded_at < recorded_before AND transaction_id <> ALL (coalesce(unseen, '{}'));
  IF removed > 0 THEN
    DELETE FROM public.destination_audit_log
     WHERE (transaction_id, id) > (after_transaction, after_id) AND (transaction_id, id) <= (seen_transaction, seen_id)
       AND recorded_at < recorded_before AND transaction_id <> ALL (coalesce(unseen, '{}'));
    GET DIAGNOSTICS removed = ROW_COUNT;
    INSERT INTO public.destination_audit_log (organization_id, action, changes, actor_id, role, login, transaction_id)
    VALUES ('00000000-0000-0000-0000-000000000000', 'log_pruned',
      jsonb_build_object(
        'entries', jsonb_build_object('old', removed),
        'first_id', jsonb_build_object('old', first::text),
        'last_id', jsonb_build_object('old', last::text),
        'recorded_at', jsonb_build_object('old', newest)),
      public.destinations_claim('sub'),
      coalesce(nullif(current_setting('role'), 'none'), session_user), session_user,
      pg_current_xact_id()::text::bigint);
  END IF;
  SET LOCAL destinations.log_retention = 'off';
END
$$;

-- What loaders poll for, of the rows that are on the node where it runs: `transaction_id` is each node's own, and so is a snapshot. It is
-- STABLE, so that all of it sees one snapshot. `positions` has, by the id of the node, where its last answer ended.
CREATE FUNCTION public.destinations_changed_here(positions jsonb, most integer) RETURNS jsonb
  LANGUAGE plpgsql STABLE PARALLEL UNSAFE
  SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  seen CONSTANT pg_snapshot := pg_current_snapshot();
  node CONSTANT text := (SELECT groupid::text FROM pg_dist_local_group);
  -- What stands in front of the node's own numbers.
  own CONSTANT bigint := (node::bigint + 1) << 48;
  since CONSTANT jsonb := positions -> node;
  shards bigint[] := ARRAY(
    SELECT shardid FROM pg_dist_placement JOIN pg_dist_shard USING (shardid)
     WHERE logicalrelid = 'public.destination_audit_log'::regclass AND groupid::text = node ORDER BY shardid);
  changed uuid[] := '{}';
BEGIN
  IF since IS NOT NULL AND shards <> '{}' THEN
    EXECUTE (
      SELECT format('SELECT ARRAY(SELECT DISTINCT organization_id FROM (%s) AS entries LIMIT %s)',
        string_agg(format(
          'SELECT organization_id FROM public.%1$I WHERE transaction_id >= $1 AND transaction_id < $2
           UNION ALL SELECT organization_id FROM public.%1$I WHERE transaction_id = ANY ($3)',
          'destination_audit_log_' || shard), ' UNION ALL '), most)
        FROM unnest(shards) AS shard)
      INTO changed
      USING own + (since ->> 'from')::bigint, own + pg_snapshot_xmax(seen)::text::bigint,
        ARRAY(SELECT own + jsonb_array_elements_text(since -> 'running')::bigint);
  END IF;
  RETURN jsonb_build_object(
    'node', node,
    -- Another one after a failover, after a crash, in a restored backup, and where shards came or went.
    'identity', concat_ws('/', extract(epoch FROM pg_postmaster_start_time()),
      extract(epoch FROM pg_stat_get_bgwriter_stat_reset_time()),
      (SELECT oid FROM pg_database WHERE datname = current_database()),
      'public.destinations'::regclass::oid, array_to_string(shards, ',')),
    'xmin', pg_snapshot_xmin(seen)::text,
    'from', pg_snapshot_xmax(seen)::text,
    'running', to_jsonb(ARRAY(SELECT pg_snapshot_xip(seen)::text)),
    'changed', to_jsonb(changed));
END
$$;

-- What an export knows of the node where it runs, by one snapshot: which of the node's transactions had ended. Those before `to` had, but for
-- `running`; all numbers have the node in front. `newest` is the greatest number of any entry on the node, whichever node wrote it.
CREATE FUNCTION public.destination_audit_log_position_here() RETURNS jsonb
  LANGUAGE plpgsql STABLE PARALLEL UNSAFE
  SET search_path = pg_catalog, pg_temp
  -- So that the owner of the table, as whom it runs, reads it.
  SET destinations.log_retention = 'on'
AS $$
DECLARE
  seen CONSTANT pg_snapshot := pg_current_snapshot();
  own_group CONSTANT bigint := (SELECT groupid FROM pg_dist_local_group);
  own CONSTANT bigint := (own_group + 1) << 48;
  shards bigint[] := ARRAY(
    SELECT shardid FROM pg_dist_placement JOIN pg_dist_shard USING (shardid)
     WHERE logicalrelid = 'public.destination_audit_log'::regclass AND groupid = own_group ORDER BY shardid);
  newest bigint;
BEGIN
  IF shards <> '{}' THEN
    EXECUTE (
      SELECT format('SELECT max(last) FROM (%s) AS shards',
        string_agg(format('SELECT max(transaction_id) AS last FROM public.%I', 'destination_audit_log_' || shard), ' UNION ALL '))
        FROM unnest(shards) AS shard)
      INTO newest;
  END IF;
  RETURN jsonb_build_object(
    'node', own_group + 1,
    -- Another one after a failover, after a crash, and in a restored backup. Rows may come and go.
    'server', concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
      lower(substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)),
      extract(epoch FROM pg_stat_get_bgwriter_stat_reset_time()),
      (SELECT oid FROM pg_database WHERE datname = current_database()),
      -- A worker's may be made again, around the same rows.
      CASE WHEN own_group = 0 THEN 'public.destination_audit_log'::regclass::oid END),
    'to', (own + pg_snapshot_xmax(seen)::text::bigint)::text,
    'running', to_jsonb(ARRAY(SELECT (own + running::text::bigint)::text FROM pg_snapshot_xip(seen) AS running)),
    'holds_rows', shards <> '{}',
    'newest', newest);
END
$$;

-- The same of every node, from 0 on, which stands for what was written before the tables were distributed. Of a node that is not there any more, all
-- entries were committed.
CREATE FUNCTION public.destination_audit_log_positions() RETURNS jsonb
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  asked record;
  answers jsonb := '{}';
  last bigint := 0;
BEGIN
  IF pg_is_in_recovery() OR current_setting('citus.use_secondary_nodes') <> 'never' THEN
    RAISE EXCEPTION USING
      ERRCODE = 'feature_not_supported',
      MESSAGE = 'the log of a cluster is exported from its primary servers alone',
      HINT = 'Connect to the primary coordinator, with citus.use_secondary_nodes = never.';
  ELSIF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION USING
      ERRCODE = 'feature_not_supported',
      MESSAGE = 'the log of a cluster is exported in READ COMMITTED alone: the snapshots of workers may be older than what is known to be committed',
      HINT = 'Export outside of the transaction.';
  END IF;
  FOR asked IN SELECT * FROM run_command_on_all_nodes('SELECT public.destination_audit_log_position_here()') LOOP
    IF NOT asked.success THEN
      RAISE EXCEPTION USING
        ERRCODE = 'connection_failure',
        MESSAGE = format('node %s of the cluster does not say what it has committed: %s', asked.nodeid, asked.result);
    END IF;
    answers := jsonb_set(answers, ARRAY[asked.result::jsonb ->> 'node'], asked.result::jsonb);
    last := greatest(last, (asked.result::jsonb ->> 'node')::bigint, (asked.result::jsonb ->> 'newest')::bigint >> 48);
  END LOOP;
  IF EXISTS (SELECT FROM pg_dist_node WHERE noderole = 'primary' AND groupid < last AND answers -> (groupid + 1)::text IS NULL) THEN
    RAISE EXCEPTION USING
      ERRCODE = 'connection_failure',
      MESSAGE = 'a node of the cluster is not active, so that nobody knows what it has committed',
      HINT = 'Activate it, or remove it from the cluster.';
  END IF;
  RETURN (
    SELECT jsonb_agg(coalesce((answers -> node::text) - 'newest', jsonb_build_object(
        'node', node, 'server', NULL, 'to', ((node + 1) << 48)::text, 'running', '[]'::jsonb, 'holds_rows', false)) ORDER BY node)
      FROM generate_series(0, last) AS node);
END
$$;

DO $$
DECLARE
  owner CONSTANT regrole := (SELECT relowner FROM pg_class WHERE oid = 'public.destinations'::regclass);
  made text;
BEGIN
  FOREACH made IN ARRAY ARRAY['public.log_destinations_key_rotation(uuid)', 'public.destinations_changed_here(jsonb, integer)',
      'public.prune_destination_audit_log(timestamptz, bigint, bigint, bigint, integer, bigint[])',
      'public.destination_audit_log_position_here()', 'public.destination_audit_log_positions()'] LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO %s', made, owner);
    EXECUTE format(
      'REVOKE ALL ON FUNCTION %s FROM PUBLIC, authenticated, service_role, anon, destinations_loader', made);
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION public.destinations_changed_here(jsonb, integer) TO destinations_loader;
GRANT EXECUTE ON FUNCTION public.prune_destination_audit_log(timestamptz, bigint, bigint, bigint, integer, bigint[]) TO service_role;
GRANT EXECUTE ON FUNCTION public.destination_audit_log_positions() TO service_role, authenticated;

-- Policies: the function is STABLE, so that it is called once for a statement all the same.

ALTER POLICY destinations_organization_isolation ON public.destinations
  USING (organization_id = public.destinations_claim('organization_id'))
  WITH CHECK (organization_id = public.destinations_claim('organization_id'));
-- No organization reads the entries of key rotations, as on one server.
ALTER POLICY destination_audit_log_organization_isolation ON public.destination_audit_log
  USING (organization_id = public.destinations_claim('organization_id') AND action <> 'keys_rotated');
ALTER POLICY destination_audit_log_recording ON public.destination_audit_log
  WITH CHECK (pg_trigger_depth() > 0 OR current_setting('destinations.log_retention', true) = 'on');
ALTER POLICY destination_audit_log_advancing ON public.destination_audit_log
  USING (pg_trigger_depth() > 0 OR current_setting('destinations.log_retention', true) = 'on');
ALTER POLICY destination_audit_log_retention ON public.destination_audit_log
  USING (current_setting('destinations.log_retention', true) = 'on');
ALTER POLICY destination_settings_history_organization_isolation ON public.destination_settings_history
  USING (organization_id = public.destinations_claim('organization_id'));
ALTER POLICY destination_data_keys_organization_isolation ON public.destination_data_keys
  USING (organization_id = public.destinations_claim('organization_id'));
ALTER POLICY destination_data_keys_first_key ON public.destination_data_keys
  WITH CHECK (organization_id = public.destinations_claim('organization_id') AND generation = 1);

DO $$
DECLARE
  own record;
BEGIN
  FOR own IN
    SELECT polname, polrelid::regclass AS of,
           CASE polname WHEN 'users_tenant_isolation' THEN 'sub' ELSE 'organization_id' END AS claim
      FROM pg_policy WHERE polname IN ('organizations_tenant_isolation', 'users_tenant_isolation')
  LOOP
    EXECUTE format('ALTER POLICY %I ON %s USING (id = public.destinations_claim(%L))', own.polname, own.of, own.claim);
  END LOOP;
END
$$;

-- Distribution. Tables of the platform that are distributed already, by the same column, stay as they are.

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = 'public.users'::regclass) THEN
    PERFORM create_reference_table('public.users');
  END IF;
  IF NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = 'public.organizations'::regclass) THEN
    PERFORM create_distributed_table('public.organizations', 'id', colocate_with => 'none');
  END IF;
END
$$;
SELECT create_distributed_table('public.destinations', 'organization_id', colocate_with => 'public.organizations');
SELECT create_distributed_table('public.destination_settings_history', 'organization_id', colocate_with => 'public.organizations');
SELECT create_distributed_table('public.destination_data_keys', 'organization_id', colocate_with => 'public.organizations');
SELECT create_distributed_table('public.destination_audit_log', 'organization_id', colocate_with => 'public.organizations');

ALTER TABLE public.destinations ADD CONSTRAINT destinations_organization_id_fkey
  FOREIGN KEY (organization_id) REFERENCES public.organizations (id) ON DELETE CASCADE;
ALTER TABLE public.destinations ADD CONSTRAINT destinations_created_by_fkey
  FOREIGN KEY (created_by) REFERENCES public.users (id) ON DELETE SET NULL;
ALTER TABLE public.destinations ADD CONSTRAINT destinations_updated_by_fkey
  FOREIGN KEY (updated_by) REFERENCES public.users (id) ON DELETE SET NULL;
ALTER TABLE public.destination_data_keys ADD CONSTRAINT destination_data_keys_organization_id_fkey
  FOREIGN KEY (organization_id) REFERENCES public.organizations (id) ON DELETE CASCADE;

DO $$
DECLARE
  kept record;
BEGIN
  FOR kept IN SELECT * FROM pg_temp.kept_triggers LOOP
    EXECUTE kept.definition;
  END LOOP;
END
$$;
CREATE TRIGGER trigger_log_created_destinations
  AFTER INSERT ON public.destinations
  FOR EACH ROW EXECUTE FUNCTION public.log_created_destinations();
CREATE TRIGGER trigger_log_changed_destinations
  AFTER UPDATE ON public.destinations
  FOR EACH ROW EXECUTE FUNCTION public.log_changed_destinations();
CREATE TRIGGER trigger_log_purged_destinations
  AFTER DELETE ON public.destinations
  FOR EACH ROW EXECUTE FUNCTION public.log_purged_destinations();
CREATE TRIGGER trigger_delete_purged_destination_settings
  AFTER DELETE ON public.destinations
  FOR EACH ROW EXECUTE FUNCTION public.delete_purged_destination_settings();
CREATE TRIGGER trigger_log_rotated_destination_settings
  AFTER UPDATE ON public.destination_settings_history
  FOR EACH ROW EXECUTE FUNCTION public.log_rotated_destination_settings();
-- At depth 0 a statement wrote here, not a trigger; retention records what it removed.
CREATE TRIGGER trigger_refuse_destination_audit_log_insert
  BEFORE INSERT ON public.destination_audit_log
  FOR EACH STATEMENT WHEN (
    pg_catalog.pg_trigger_depth() = 0
    AND pg_catalog.current_setting('destinations.log_retention', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION public.refuse_destination_statement('only changes of destinations write the log');
CREATE TRIGGER trigger_log_pruned_destination_audit_log
  BEFORE DELETE ON public.destination_audit_log
  FOR EACH ROW EXECUTE FUNCTION public.log_pruned_destination_audit_log();
CREATE TRIGGER trigger_advance_destination_audit_log_id
  BEFORE INSERT ON public.destination_audit_log
  FOR EACH ROW EXECUTE FUNCTION public.advance_destination_audit_log_id();

-- Roles: the coordinator connects to workers as the role in whose scope a statement runs, so each of them has LOGIN, without a password.
-- pg_hba.conf of each node must let it in from the other nodes alone. The statements of one tenant must not be found among the sessions
-- of the others, which are of the same role there.
ALTER ROLE authenticated LOGIN;
ALTER ROLE service_role LOGIN;
ALTER ROLE destinations_loader LOGIN;
ALTER ROLE authenticated SET track_activities = off;
