#!/usr/bin/env bash
# A cluster for test/scale of the Postgres and the Citus that are installed, without containers: three servers in a folder, on the
# ports 9700 to 9702 of this machine alone. Not as root, which Postgres refuses to be.
#   bash scripts/citus/local.sh /tmp/citus
#   CITUS_URL=postgresql://postgres@127.0.0.1:9700/destinations_test npm test -- test/scale
set -euo pipefail
folder=${1:?names the folder of the cluster}
programs=$(pg_config --bindir)
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
port=9700
for node in coordinator worker-1 worker-2; do
  if [ ! -d "$folder/$node" ]; then
    "$programs/initdb" --pgdata "$folder/$node" --auth trust --username postgres >"$folder/$node.log"
    cat >>"$folder/$node/postgresql.conf" <<SETTINGS
port = $port
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_preload_libraries = 'citus'
wal_level = logical
max_prepared_transactions = 200
max_connections = 200
fsync = off
citus.node_conninfo = 'sslmode=prefer'
citus.shard_count = 8
SETTINGS
  fi
  "$programs/pg_ctl" --pgdata "$folder/$node" status >/dev/null ||
    "$programs/pg_ctl" --pgdata "$folder/$node" --log "$folder/$node.log" --wait start >/dev/null </dev/null
  psql=("$programs/psql" -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -U postgres -p "$port")
  "${psql[@]}" -At -c "SELECT 1 FROM pg_database WHERE datname = 'destinations_test'" postgres | grep -q 1 ||
    "${psql[@]}" -c 'CREATE DATABASE destinations_test' postgres
  "${psql[@]}" -c 'CREATE EXTENSION IF NOT EXISTS citus' destinations_test
  port=$((port + 1))
done
"$programs/psql" -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -U postgres -p 9700 destinations_test >/dev/null <<'JOIN'
SELECT citus_set_coordinator_host('127.0.0.1', 9700);
SELECT citus_add_node('127.0.0.1', 9701), citus_add_node('127.0.0.1', 9702);
JOIN
