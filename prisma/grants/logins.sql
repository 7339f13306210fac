-- Two logins for a service: one that may become a tenant and nothing else, and one that may act for
-- every organization. With both, SQL that a tenant smuggles into a tenant's connection cannot reach
-- service_role; with a single login that may do both, `SET ROLE service_role` is one statement away.
--
-- Run it after the migrations, as a superuser or as a role with CREATEROLE that may grant the two roles
-- (from PostgreSQL 16 on: that created them, or has them WITH ADMIN OPTION):
--   psql "$DATABASE_URL" --single-transaction -v ON_ERROR_STOP=1 \
--     -v tenant_login=destinations_tenant -v tenant_password="$TENANT_PASSWORD" \
--     -v service_login=destinations_service -v service_password="$SERVICE_PASSWORD" \
--     -f logins.sql
--
-- The first login goes into `connectionString`, the second into `serviceConnectionString`. A server
-- that logs statements logs the passwords too: set them with psql's \password there.

-- NOINHERIT: without SET ROLE a login has no rights on any table.
CREATE ROLE :"tenant_login" LOGIN NOINHERIT NOCREATEDB NOCREATEROLE PASSWORD :'tenant_password';
GRANT authenticated TO :"tenant_login";

CREATE ROLE :"service_login" LOGIN NOINHERIT NOCREATEDB NOCREATEROLE PASSWORD :'service_password';
GRANT service_role TO :"service_login";

-- Where CONNECT was revoked from PUBLIC:
--   GRANT CONNECT ON DATABASE the_database TO :"tenant_login", :"service_login";
--
-- A migrator that is no superuser becomes service_role for backfills and dumps, because the owner of
-- the table sees no rows either. It grants itself the role once; it may where it created the role:
--   GRANT service_role TO CURRENT_USER;
--
-- hardening.sql takes from everybody but these two what an injected statement would need to do more than a
-- tenant may.
