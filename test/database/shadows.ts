import type { Client } from 'pg';

/**
 * What the session of a caller may hold: for each name of Postgres's own or of this package that stands in a text,
 * another object of that name. Whatever looks a name up along the session's path, or in its temporary schema, finds
 * that one, whose code says by a notice which name it has and who runs it.
 */
export class Shadows {
	readonly #client: Client;
	readonly #ran = new Set<string>();

	/** @param client of a session in which nothing ran yet, because plans and compiled functions are kept. */
	constructor(client: Client) {
		this.#client = client;
		client.on('notice', ({ message }) => {
			const ran = /^shadow of (.*)$/.exec(message ?? '')?.[1];
			if (ran !== undefined) this.#ran.add(ran);
		});
	}

	/** Which of them ran since the last call, and as whom: `type text as postgres`. */
	takeRan(): string[] {
		const ran = [...this.#ran].sort();
		this.#ran.clear();
		return ran;
	}

	/**
	 * Makes them as the current role, in the temporary schema and in a schema that is the first of the path from
	 * then on. Types are shadowed in two ways: as domains, whose CHECK runs, and as rows with casts, which run.
	 */
	async make(texts: readonly string[], types: 'domains' | 'rows with casts'): Promise<void> {
		const words = [...new Set(texts.flatMap((text) => text.match(/[a-z_][a-z_0-9]*/gi) ?? []))];
		const symbols = [
			...new Set(texts.flatMap((text) => text.match(/[+\-*/<>=~!@#%^&|?]+/g) ?? [])),
		];
		await this.#client.query(`CREATE SCHEMA shadow; ${spy}`);
		const parts = [functions, operators, relations, types === 'domains' ? domains : castRows];
		for (const sql of parts) {
			const { rows } = await this.#client.query<{ statement: string }>(
				`WITH named AS (${namedTypes}), shadowed (schema) AS (VALUES ('shadow'), ('pg_temp')) ${sql}`,
				[words, symbols],
			);
			// A few cannot be made, such as an operator that Postgres reserves.
			const attempts = rows.map(({ statement }) => attempt(statement)).join('\n');
			await this.#client.query(`DO $do$ BEGIN ${attempts} END $do$`);
		}
		await this.#client.query('SET search_path = shadow, pg_temp, public, pg_catalog');
	}
}

const attempt = (statement: string) => `BEGIN ${statement}; EXCEPTION WHEN OTHERS THEN NULL; END;`;

/** Runs as whoever evaluates it. What it says cannot be rolled back. */
const spy = `CREATE FUNCTION shadow.spy(what pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE plpgsql
	SET search_path = pg_catalog
	AS $$ BEGIN RAISE NOTICE 'shadow of % as %', what, current_user; RETURN true; END $$`;

/** Types of Postgres that a text names, and those that its expressions have in between. */
const namedTypes = `SELECT t.oid, t.typname AS name, t.oid::pg_catalog.regtype::pg_catalog.text AS spelled
	FROM pg_catalog.pg_type AS t
	WHERE t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace AND t.typtype IN ('b', 'c')
		AND (t.typname = ANY ($1) OR pg_catalog.format_type(t.oid, NULL) = ANY ($1)
			OR t.typname IN ('text', 'varchar', 'name', 'oid', 'int4', 'int8', 'bool', 'uuid', 'jsonb', 'xid8',
				'timestamptz', 'interval', '_text'))`;

/** The body of a function that says that it ran, and gives nothing. */
const body = (what: string, returns: string) =>
	`pg_catalog.format($f$ LANGUAGE plpgsql SET search_path = pg_catalog AS
		$spy$ BEGIN PERFORM shadow.spy(%L); RETURN%s; END $spy$$f$, ${what}, ${returns})`;

/** With the arguments of the original; one that takes anything gets some that fit better. */
const functions = `
	SELECT pg_catalog.format('CREATE FUNCTION shadow.%I(%s) RETURNS %s%s', proname, arguments,
			CASE WHEN proretset THEN 'SETOF ' ELSE '' END, pg_catalog.format_type(prorettype, NULL))
		|| ${body(`'function ' || proname`, `CASE WHEN proretset OR prorettype = 'void'::pg_catalog.regtype THEN '' ELSE ' NULL' END`)}
		AS statement
	FROM pg_catalog.pg_proc,
		LATERAL (
			SELECT pg_catalog.array_to_string(
				ARRAY(SELECT pg_catalog.format_type(t, NULL) FROM pg_catalog.unnest(proargtypes) AS t), ', ')
			UNION ALL
			SELECT 'pg_catalog.text' || pg_catalog.repeat(', ' || of, many)
			FROM pg_catalog.generate_series(0, 4) AS many,
				pg_catalog.unnest(ARRAY['pg_catalog.text', 'pg_catalog.jsonb', 'pg_catalog.name', 'pg_catalog.varchar',
					'pg_catalog.bool', 'anyelement']) AS of
			WHERE provariadic = '"any"'::pg_catalog.regtype
		) AS given (arguments)
	WHERE pronamespace IN ('pg_catalog'::pg_catalog.regnamespace, 'public'::pg_catalog.regnamespace)
		AND prokind = 'f' AND proname = ANY ($1) AND $2::pg_catalog.text[] IS NOT NULL
		AND (SELECT pg_catalog.count(*) FROM shadowed) = 2 AND EXISTS (SELECT FROM named)`;

/** With the operands of the original, and with those that Postgres would have to convert. */
const operators = `
	SELECT pg_catalog.format('CREATE FUNCTION shadow.operator_%s(%s, %s) RETURNS %s', place, lefts, rights, result)
		|| ${body(`pg_catalog.format('operator %s of %s and %s', symbol, lefts, rights)`, `' NULL'`)}
		|| pg_catalog.format('; CREATE OPERATOR shadow.%s (FUNCTION = shadow.operator_%s, LEFTARG = %s, RIGHTARG = %s)',
			symbol, place, lefts, rights) AS statement
	FROM (
		SELECT pg_catalog.row_number() OVER () AS place, * FROM (
			SELECT oprname, pg_catalog.format_type(oprleft, NULL), pg_catalog.format_type(oprright, NULL),
				pg_catalog.format_type(oprresult, NULL)
			FROM pg_catalog.pg_operator AS o
			WHERE oprname = ANY ($2) AND oprleft <> 0 AND (oprleft IN (SELECT oid FROM named)
				OR (oprleft::pg_catalog.regtype)::pg_catalog.text LIKE 'any%')
			UNION
			SELECT symbol, one.spelled, other.spelled, CASE symbol WHEN '||' THEN 'pg_catalog.text' ELSE 'pg_catalog.bool' END
			FROM pg_catalog.unnest($2::pg_catalog.text[]) AS symbol, named AS one, named AS other
			WHERE symbol IN ('=', '<>', '||', '~', '!~')
				AND one.name IN ('varchar', 'text', 'name') AND other.name IN ('varchar', 'text', 'name')
		) AS wanted (symbol, lefts, rights, result)
	) AS wanted
	WHERE $1::pg_catalog.text[] IS NOT NULL`;

/** Tables with a trigger; what is only read, as a view. */
const relations = `
	SELECT CASE WHEN c.relnamespace = 'public'::pg_catalog.regnamespace THEN
			pg_catalog.format('CREATE TABLE %s.%I (%s)', schema, word,
				(SELECT pg_catalog.string_agg(pg_catalog.format('%I %s', attname, pg_catalog.format_type(atttypid, NULL)), ', ')
					FROM pg_catalog.pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped))
			|| pg_catalog.format('; CREATE FUNCTION shadow.%I() RETURNS trigger', schema || word)
			|| ${body(`'table ' || word`, `' NULL'`)}
			|| pg_catalog.format('; CREATE TRIGGER spy BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s.%I
				FOR EACH STATEMENT EXECUTE FUNCTION shadow.%I(); GRANT ALL ON %1$s.%2$I TO PUBLIC',
				schema, word, schema || word)
		ELSE
			pg_catalog.format('CREATE VIEW %s.%I AS SELECT * FROM %s WHERE shadow.spy(%L); GRANT ALL ON %1$s.%2$I TO PUBLIC',
				schema, word, coalesce(c.oid::pg_catalog.regclass::pg_catalog.text, 'public.destinations'),
				'view ' || word)
		END AS statement
	FROM pg_catalog.unnest($1::pg_catalog.text[]) AS word
		LEFT JOIN pg_catalog.pg_class AS c ON c.relname = word AND c.relkind IN ('r', 'v')
			AND c.relnamespace IN ('public'::pg_catalog.regnamespace, 'pg_catalog'::pg_catalog.regnamespace),
		shadowed
	WHERE (c.oid IS NOT NULL OR word ~ '_rows$') AND $2::pg_catalog.text[] IS NOT NULL
		AND EXISTS (SELECT FROM named)`;

const domains = `
	SELECT pg_catalog.format('CREATE DOMAIN %s.%I AS %s CHECK (shadow.spy(%L))', schema, name, spelled, 'type ' || name)
		AS statement
	FROM named, shadowed
	WHERE $1::pg_catalog.text[] IS NOT NULL AND $2::pg_catalog.text[] IS NOT NULL`;

const castRows = `
	SELECT pg_catalog.format('CREATE TYPE %s.%I AS (value pg_catalog.text)', schema, name)
		|| pg_catalog.string_agg(
			pg_catalog.format('; CREATE FUNCTION shadow.%I(%s) RETURNS %s.%I', schema || name, given.spelled, schema, name)
			|| ${body(`pg_catalog.format('cast from %s to %s', given.spelled, name)`, `' NULL'`)}
			|| pg_catalog.format('; CREATE CAST (%s AS %s.%I) WITH FUNCTION shadow.%I(%1$s) AS IMPLICIT',
				given.spelled, schema, name, schema || name), '') AS statement
	FROM (SELECT name FROM named WHERE name NOT LIKE '\\_%') AS wanted,
		(SELECT spelled FROM named WHERE name IN ('text', 'varchar', 'name', 'uuid', 'jsonb', 'int4', 'int8', 'bool')) AS given,
		shadowed
	WHERE $1::pg_catalog.text[] IS NOT NULL AND $2::pg_catalog.text[] IS NOT NULL
	GROUP BY name, schema`;
