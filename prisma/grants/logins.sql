-- Logins for services: one that may act as a tenant and nothing else, one that may act for every organization,
-- and one that may switch to destinations_loader, for processes that send events. With the first two, SQL that is
-- injected into a tenant's connection cannot reach service_role; with a single login that may do both,
-- `SET ROLE service_role` is one statement away. The third reads what is switched on, and writes nothing.
--
-- Run it after the migrations, as a superuser or as a role with CREATEROLE that may grant the three roles
-- (from PostgreSQL 16 on: that created them, or has them WITH ADMIN OPTION):
--   psql "$MIGRATOR_URL" --single-transaction -v ON_ERROR_STOP=1 \
--     -v tenant_login=destinations_tenant -v tenant_password="$TENANT_PASSWORD" \
--     -v service_login=destinations_service -v service_password="$SERVICE_PASSWORD" \
--     -v loader_login=destinations_loading -v loader_password="$LOADER_PASSWORD" \
--     -f logins.sql
--
-- Of createDestinationsClient() the first login goes into `connectionString`, the second into
-- `serviceConnectionString`; the third into the `connectionString` of createDestinationsLoader(). A server
-- that logs statements logs the passwords too: set them with psql's \password there.

-- NOINHERIT: without SET ROLE a login has no rights on any table.
CREATE ROLE :"tenant_login" LOGIN NOINHERIT NOCREATEDB NOCREATEROLE PASSWORD :'tenant_password';
GRANT authenticated TO :"tenant_login";

CREATE ROLE :"service_login" LOGIN NOINHERIT NOCREATEDB NOCREATEROLE PASSWORD :'service_password';
GRANT service_role TO :"service_login";

CREATE ROLE :"loader_login" LOGIN NOINHERIT NOCREATEDB NOCREATEROLE PASSWORD :'loader_password';
GRANT destinations_loader TO :"loader_login";

-- Where CONNECT was revoked from PUBLIC:
--   GRANT CONNECT ON DATABASE the_database TO :"tenant_login", :"service_login", :"loader_login";
--
-- A migrator that is not a superuser switches to service_role for backfills and dumps, because the owner of
-- the table sees no rows either. It grants itself the role once; it may where it created the role:
--   GRANT service_role TO CURRENT_USER;
--
-- hardening.sql takes from everybody but these three what an injected statement would need to do more than a
-- tenant may.
