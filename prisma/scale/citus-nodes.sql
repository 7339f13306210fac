-- Takes from tenants what Citus lets everybody do, on each node of the cluster: to run SQL on other nodes in a session of its own, where
-- no claims are set yet, to see the statements of others, and to change what Citus knows of tables and shards.
--
-- Run it on the coordinator as a superuser, after citus.sql, and again after each citus_add_node() and ALTER EXTENSION citus UPDATE; running it
-- again does no harm:
--   psql "$MIGRATOR_URL" -v ON_ERROR_STOP=1 -f citus-nodes.sql
--
-- It holds for everybody in the database but superusers, destinations_loader, which asks each node what changed, and the owner of the tables, as
-- whom an export asks each node what it has committed.

DO $nodes$
DECLARE
  refused record;
BEGIN
  FOR refused IN SELECT * FROM pg_catalog.run_command_on_all_nodes($command$
    DO $$
    DECLARE
      taken regprocedure;
      shown regclass;
    BEGIN
      FOR taken IN
        SELECT p.oid FROM pg_catalog.pg_proc AS p
          JOIN pg_catalog.pg_depend AS d ON d.objid = p.oid AND d.deptype = 'e' AND d.classid = 'pg_catalog.pg_proc'::regclass
          JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'citus'
         WHERE p.proname ~ '^(run_command_on_|master_run_on_worker|citus_run_local_command)'
            OR p.proname IN ('citus_stat_activity', 'citus_dist_stat_activity', 'citus_locks', 'citus_query_stats', 'citus_stat_statements',
              'citus_stat_tenants_local', 'get_global_active_transactions', 'get_all_active_transactions', 'dump_local_wait_edges',
              'dump_global_wait_edges', 'citus_check_connection_to_node', 'citus_check_cluster_node_health', 'citus_create_restore_point')
      LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC, authenticated, service_role, anon', taken);
      END LOOP;
      FOR shown IN
        SELECT c.oid FROM pg_catalog.pg_class AS c
         WHERE c.relkind = 'v' AND c.relnamespace IN ('pg_catalog'::regnamespace, 'citus'::regnamespace)
           AND c.relname IN ('citus_stat_activity', 'citus_dist_stat_activity', 'citus_locks', 'citus_lock_waits', 'citus_stat_statements',
             'citus_stat_tenants', 'citus_stat_tenants_local')
      LOOP
        EXECUTE format('REVOKE SELECT ON %s FROM PUBLIC, authenticated, service_role, anon', shown);
      END LOOP;
      GRANT EXECUTE ON FUNCTION pg_catalog.run_command_on_all_nodes(text, boolean, boolean),
        pg_catalog.master_run_on_worker(text[], integer[], text[], boolean) TO destinations_loader;
      EXECUTE format('GRANT EXECUTE ON FUNCTION pg_catalog.run_command_on_all_nodes(text, boolean, boolean),
        pg_catalog.master_run_on_worker(text[], integer[], text[], boolean) TO %s',
        (SELECT relowner::regrole FROM pg_catalog.pg_class WHERE oid = 'public.destination_audit_log'::regclass));
    END
    $$
  $command$) LOOP
    IF NOT refused.success THEN
      RAISE EXCEPTION USING
        ERRCODE = 'connection_exception',
        MESSAGE = format('node %s was not reached, so it is as it was: %s', refused.nodeid, refused.result),
        HINT = 'See to the node, and run this again.';
    END IF;
  END LOOP;
END
$nodes$;
