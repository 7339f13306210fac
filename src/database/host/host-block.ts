import { raisedMark, unrecorded } from './host-errors.ts';
import { transactionIdentity } from './host-settings.ts';

/**
 * What runs a statement in its scope where nothing but single statements can be sent, and those of the host may come
 * between them: (1) leaves the call in a setting that ends with the transaction, (2) switches, runs it and switches back in
 * one, (3) fetches what came of it. Parameters stand in each once and in their order, so that libraries that write them in
 * another way can replace them.
 */

/**
 * Leaves a call, `$2`, unless the transaction is another one than `$1`. Returns which one it is. Nothing else is set, so
 * whatever comes between this and the block does what it always does.
 */
export const leaveCall = `SELECT ${transactionIdentity} AS result,
	pg_catalog.set_config('destinations.result', '', true),
	pg_catalog.set_config('destinations.call',
		CASE WHEN $1::pg_catalog.text IN ('', ${transactionIdentity}) THEN $2::pg_catalog.text ELSE '' END, true)`;

const mark = raisedMark.map((piece) => `'${piece}'`).join(' || ');

/**
 * Runs the call that was left, and does nothing where none was: outside a transaction, what was set is gone by now.
 *
 * PL/pgSQL plans what EXECUTE runs at that moment, so row level security is that of the role that it has just switched to. The
 * values come as JSON, and Postgres itself quotes them: they are in no text that this package sends.
 */
export const runCall = `DO $destinations$
DECLARE
	given CONSTANT pg_catalog.jsonb := nullif(pg_catalog.current_setting('destinations.call', true), '');
	host_role CONSTANT pg_catalog.text := pg_catalog.current_setting('role');
	host_settings pg_catalog.jsonb;
	setting pg_catalog.text;
	statement pg_catalog.text;
	line pg_catalog.record;
	lines pg_catalog.text[] := '{}';
	sets_scope pg_catalog.bool := true;
	code pg_catalog.text;
	message pg_catalog.text;
	refused_by pg_catalog.text;
	refused_column pg_catalog.text;
BEGIN
	IF given IS NULL THEN
		RETURN;
	END IF;
	PERFORM pg_catalog.set_config('destinations.call', '', true);
	-- They keep the log.
	IF pg_catalog.current_setting('session_replication_role') = 'replica' THEN
		RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = '${unrecorded}';
	END IF;
	SELECT pg_catalog.string_agg((part ->> 0) || CASE
			WHEN part ->> 1 IS NULL THEN ''
			ELSE pg_catalog.quote_nullable(given -> 'values' ->> (part ->> 1)::pg_catalog.int4)
		END, '' ORDER BY place)
	INTO statement
	FROM pg_catalog.jsonb_array_elements(given -> 'parts') WITH ORDINALITY AS parts (part, place);
	SELECT pg_catalog.jsonb_object_agg(key, coalesce(pg_catalog.current_setting(key, true), ''))
	INTO host_settings
	FROM pg_catalog.jsonb_each_text(given -> 'settings')
	WHERE value IS DISTINCT FROM pg_catalog.current_setting(key, true);

	-- By SET LOCAL, of which the workers of a Citus cluster learn where this says so. Elsewhere nothing has such a setting.
	SET LOCAL citus.propagate_set_commands TO 'local';
	FOR setting IN SELECT key FROM pg_catalog.jsonb_each_text(host_settings) LOOP
		EXECUTE pg_catalog.format('SET LOCAL %I TO %L', setting, given -> 'settings' ->> setting);
	END LOOP;
	-- The coordinator connects to workers as the role; it is not to set it there.
	SET LOCAL citus.propagate_set_commands TO 'none';
	EXECUTE pg_catalog.format('SET LOCAL ROLE %I', given ->> 'role');
	sets_scope := false;
	IF pg_catalog.starts_with(statement, 'SET LOCAL ') THEN
		EXECUTE statement;
	ELSE
		FOR line IN EXECUTE statement LOOP
			lines := pg_catalog.array_append(lines, line::pg_catalog.text);
		END LOOP;
	END IF;
	-- What follows may be granted to the login alone.
	SET LOCAL ROLE NONE;
	EXECUTE pg_catalog.format('SET LOCAL ROLE %I', host_role);
	SET LOCAL citus.propagate_set_commands TO 'local';
	FOR setting IN SELECT key FROM pg_catalog.jsonb_each_text(host_settings) LOOP
		EXECUTE pg_catalog.format('SET LOCAL %I TO %L', setting, host_settings ->> setting);
	END LOOP;
	PERFORM pg_catalog.set_config('destinations.result', pg_catalog.json_build_object(
		'id', given ->> 'id', 'rows', lines)::pg_catalog.text, true);
EXCEPTION WHEN OTHERS THEN
	-- Drivers leave out one thing or another of an error; none leaves out a message.
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		refused_by = CONSTRAINT_NAME, refused_column = COLUMN_NAME;
	message := ${mark} || pg_catalog.json_build_object(
		'setsScope', sets_scope, 'code', code, 'message', message,
		'constraint', refused_by, 'column', refused_column)::pg_catalog.text || ${mark};
	RAISE EXCEPTION USING MESSAGE = message;
END
$destinations$`;

/** Fetches what came of the call, and lets Postgres forget it. */
export const fetchResult = `SELECT pg_catalog.current_setting('destinations.result', true) AS result,
	pg_catalog.set_config('destinations.result', '', true)`;
