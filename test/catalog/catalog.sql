-- What a database holds, one line a thing, in an order that depends on nothing else: the same on
-- PostgreSQL 15 to 18. Left out are the names of owners and what they may do with their own, because
-- both differ between servers and versions, and Prisma's own table.
WITH
relation AS (
  SELECT c.*, format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
     AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     AND c.relname <> '_prisma_migrations'
),
routine AS (
  SELECT p.*, format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS name
    FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
   WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
),
acl AS (
  SELECT 'schema ' || quote_ident(nspname) AS object, nspowner AS owner, entry.*, NULL::name AS col
    FROM pg_catalog.pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS entry
   WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
  UNION ALL
  SELECT 'table ' || name, relowner, entry.*, NULL
    FROM relation, aclexplode(coalesce(relacl, acldefault('r', relowner))) AS entry
  UNION ALL
  SELECT 'table ' || name, relowner, entry.*, attname
    FROM relation JOIN pg_catalog.pg_attribute ON attrelid = relation.oid, aclexplode(attacl) AS entry
  UNION ALL
  SELECT 'function ' || name, proowner, entry.*, NULL
    FROM routine, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS entry
),
line (text) AS (
  SELECT format('role %s: %s', quote_ident(rolname), concat_ws(' ',
           CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END,
           CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,
           CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END,
           CASE WHEN rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END,
           CASE WHEN rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END,
           CASE WHEN rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END))
    FROM pg_catalog.pg_roles
   WHERE rolname IN ('anon', 'authenticated', 'service_role')
  UNION ALL
  SELECT format('table %s: %s', name, concat_ws(' ',
           CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned' WHEN 'v' THEN 'view'
             WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' ELSE 'foreign table' END,
           CASE WHEN relrowsecurity THEN 'ROW LEVEL SECURITY' END,
           CASE WHEN relforcerowsecurity THEN 'FORCED' END,
           array_to_string(reloptions, ' '),
           '-- ' || obj_description(oid, 'pg_class')))
    FROM relation
  UNION ALL
  SELECT format('column %s.%I: %s', name, attname, concat_ws(' ',
           format_type(atttypid, atttypmod),
           CASE WHEN attnotnull THEN 'NOT NULL' END,
           'DEFAULT ' || pg_get_expr(adbin, adrelid)))
    FROM relation
    JOIN pg_catalog.pg_attribute ON attrelid = relation.oid AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_catalog.pg_attrdef ON adrelid = attrelid AND adnum = attnum
  UNION ALL
  -- From PostgreSQL 18 on NOT NULL is a constraint too; it stands with its column.
  SELECT format('constraint %s %I: %s%s', name, conname, pg_get_constraintdef(con.oid),
           CASE WHEN convalidated THEN '' ELSE ' NOT VALID' END)
    FROM relation JOIN pg_catalog.pg_constraint con ON conrelid = relation.oid
   WHERE contype <> 'n'
  UNION ALL
  SELECT format('index %s: %s%s', name, pg_get_indexdef(indexrelid),
           CASE WHEN indisvalid THEN '' ELSE ' INVALID' END)
    FROM relation JOIN pg_catalog.pg_index ON indrelid = relation.oid
  UNION ALL
  SELECT format('trigger %s: %s%s', name, pg_get_triggerdef(trg.oid),
           CASE tgenabled WHEN 'O' THEN '' ELSE ' ENABLED ' || tgenabled::text END)
    FROM relation JOIN pg_catalog.pg_trigger trg ON tgrelid = relation.oid
   WHERE NOT tgisinternal
  UNION ALL
  SELECT format('policy %s %I: %s', name, polname, concat_ws(' ',
           CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
           CASE polcmd WHEN '*' THEN 'ALL' WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT'
             WHEN 'w' THEN 'UPDATE' ELSE 'DELETE' END,
           'TO', (SELECT string_agg(CASE WHEN member = relowner THEN 'OWNER'
                                ELSE coalesce(quote_ident(rolname), 'PUBLIC') END, ', ' ORDER BY rolname)
                    FROM unnest(polroles) AS member LEFT JOIN pg_catalog.pg_roles r ON r.oid = member),
           'USING ' || pg_get_expr(polqual, polrelid),
           'WITH CHECK ' || pg_get_expr(polwithcheck, polrelid)))
    FROM relation JOIN pg_catalog.pg_policy ON polrelid = relation.oid
  UNION ALL
  SELECT format('function %s: %s', name, concat_ws(' ',
           'RETURNS', pg_get_function_result(oid),
           'LANGUAGE', (SELECT lanname FROM pg_catalog.pg_language l WHERE l.oid = prolang),
           CASE provolatile WHEN 'i' THEN 'IMMUTABLE' WHEN 's' THEN 'STABLE' ELSE 'VOLATILE' END,
           CASE proparallel WHEN 's' THEN 'PARALLEL SAFE' WHEN 'r' THEN 'PARALLEL RESTRICTED'
             ELSE 'PARALLEL UNSAFE' END,
           CASE WHEN prosecdef THEN 'SECURITY DEFINER' ELSE 'SECURITY INVOKER' END,
           'SET ' || array_to_string(proconfig, ' '),
           'source', md5(prosrc)))
    FROM routine
  UNION ALL
  SELECT format('grant on %s to %s: %s', object, coalesce(quote_ident(rolname), 'PUBLIC'),
           string_agg(privilege || CASE WHEN columns IS NULL THEN '' ELSE format(' (%s)', columns) END,
             ', ' ORDER BY privilege, columns))
    FROM (
      SELECT object, grantee,
             privilege_type || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS privilege,
             string_agg(quote_ident(col), ', ' ORDER BY col) AS columns
        FROM acl
       WHERE grantee <> owner
       GROUP BY object, grantee, privilege_type, is_grantable, col IS NULL
    ) AS granted
    LEFT JOIN pg_catalog.pg_roles r ON r.oid = grantee
   GROUP BY object, rolname
)
SELECT regexp_replace(text, '\s+', ' ', 'g') AS line FROM line ORDER BY text COLLATE "C";
