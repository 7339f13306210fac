import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { openPool, otherDatabase, parseUrl, UserFacingError } from './connection.mjs';
import { loadBindings, resolvePackage } from './locate.mjs';

/**
 * @typedef {import('@prisma/driver-adapter-utils').SqlDriverAdapter} SqlDriverAdapter
 * @typedef {import('@prisma/driver-adapter-utils').SqlQuery} SqlQuery
 * @typedef {import('./connection.mjs').Target} Target
 * @typedef {import('pg').Pool} Pool
 */

const adapterPg = '@prisma/adapter-pg';
/** @type {typeof import('@prisma/adapter-pg')} */
const { PrismaPg } = await import(pathToFileURL(resolvePackage(adapterPg)).href);
/** @type {typeof import('@prisma/driver-adapter-utils')} */
const { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum, mockAdapter } = await import(
	pathToFileURL(resolvePackage('@prisma/driver-adapter-utils', [adapterPg])).href
);

/** @type {{ error: import('pg').DatabaseError, script?: string } | undefined} */
let lastFailure;

/**
 * @param {import('pg').DatabaseError} error
 * @param {string} [script]
 * @returns {never}
 */
function fail(error, script = '') {
	lastFailure = { error, script };
	throw error;
}

/**
 * Says of an error what the native engine would. The WebAssembly build does not name the migration that
 * failed, and reports no more than a number for what the driver or this module threw.
 *
 * @param {unknown} thrown
 * @returns {Error}
 */
export function explain(thrown) {
	const error = /** @type {Error} */ (thrown);
	const { error: cause, script } = lastFailure ?? {};
	const isNumber = error.message.includes('External error id#');
	if (!cause || !(isNumber || error.message.includes(cause.message))) return error;
	const [, migration] = /apply_script\s+with migration_name="(.*?)"/.exec(error.message) ?? [];
	if (!migration) return isNumber ? cause : error;
	const { code = 'none', detail, position } = cause;
	let details = `ERROR: ${cause.message}`;
	if (detail) details += `\nDETAIL: ${detail}`;
	const line = script?.slice(0, Number(position) - 1).split('\n').length;
	if (position) details += `\nat line ${line} of the migration's script`;
	return new UserFacingError(
		'P3018',
		`A migration failed to apply. New migrations cannot be applied before the error is recovered from. Read more about how to resolve migration issues in a production database: https://pris.ly/d/migrate-resolve\n\nMigration name: ${migration}\n\nDatabase error code: ${code}\n\nDatabase error:\n${details}`,
		{ migration_name: migration, database_error_code: code, database_error: details },
	);
}

// The WebAssembly build cannot read the environment itself.
const withoutLock = !['', '0', undefined].includes(process.env.PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK);

/** @type {import('pg').QueryArrayResult} */
const nothing = { command: '', rowCount: 0, oid: 0, fields: [], rows: [] };

const INTERNAL_CHAR = 18;
const TEXT = 25;

/**
 * @param {Pool} pool
 * @param {string} schema
 * @param {() => Promise<void>} dispose
 * @returns {Promise<SqlDriverAdapter>}
 */
async function adapt(pool, schema, dispose) {
	const adapter = await new PrismaPg(pool, { schema }).connect();
	// The catalogs have columns of the internal type "char". The adapter refuses it, and the engine
	// wants a character: the adapter is shown text, the engine what it was.
	/** @type {WeakMap<unknown[], number[]>} */
	const characters = new WeakMap();
	const query = pool.query.bind(pool);
	Object.assign(pool, {
		/** @param {import('pg').QueryArrayConfig} config */
		async query(config) {
			if (withoutLock && /^SELECT pg_advisory_lock/.test(config.text)) return { rowCount: 0 };
			const result = await query(config).catch((error) => {
				// Another deploy created it since the engine looked, before there is anything to lock.
				const isThere = ['42P06', '23505'].includes(error.code);
				if (isThere && config.text.startsWith('CREATE SCHEMA "')) return nothing;
				return fail(error, config.text);
			});
			const found = result.fields?.filter(({ dataTypeID }) => dataTypeID === INTERNAL_CHAR) ?? [];
			for (const field of found) field.dataTypeID = TEXT;
			const columns = found.map((field) => result.fields.indexOf(field));
			if (columns.length > 0) characters.set(result.rows, columns);
			return result;
		},
	});
	const queryRaw = adapter.queryRaw.bind(adapter);
	return Object.assign(adapter, {
		/** @param {SqlQuery} params */
		async queryRaw(params) {
			const result = await queryRaw(params);
			for (const index of characters.get(result.rows) ?? []) {
				result.columnTypes[index] = ColumnTypeEnum.Character;
			}
			return result;
		},
		/** @param {string} sql sent whole: the adapter would cut the body of a function at its semicolons */
		async executeScript(sql) {
			await adapter.executeRaw({ sql, args: [], argTypes: [] });
		},
		dispose,
	});
}

/**
 * @param {SqlDriverAdapter} adapter
 * @param {() => Promise<SqlDriverAdapter>} [connectToShadowDb]
 */
function bind(adapter, connectToShadowDb = async () => adapter) {
	const { provider, adapterName } = adapter;
	const connect = async () => adapter;
	const factory = { provider, adapterName, connect, connectToShadowDb };
	return bindMigrationAwareSqlAdapterFactory(factory);
}

/** Answers what an engine asks at its start, so that two schemas can be compared without a database. */
const offline = () => ({
	...mockAdapter('postgres'),
	queryRaw: async () => ({
		columnNames: ['exists', 'version', 'numeric_version'],
		columnTypes: [ColumnTypeEnum.Boolean, ColumnTypeEnum.Text, ColumnTypeEnum.Int32],
		rows: [[true, 'PostgreSQL', 160000]],
	}),
});

/** @type {Set<() => Promise<void>>} what drops a shadow database in use */
const drops = new Set();

/** For an engine stopped half-way. */
export const dropShadows = () => Promise.allSettled([...drops].map((drop) => drop()));

/**
 * @param {Target} target
 * @param {Pool} pool of the main database
 */
async function createShadow(target, pool) {
	const name = `prisma_migrate_shadow_db_${randomUUID()}`;
	await pool.query(`CREATE DATABASE "${name}"`).catch(({ message }) => {
		throw new UserFacingError(
			'P3014',
			`Prisma Migrate could not create the shadow database. Please make sure the database user has permission to create databases. Read more about the shadow database (and workarounds) at https://pris.ly/d/migrate-shadow\n\nOriginal error: ${message}`,
		);
	});
	const drop = async () => {
		drops.delete(drop);
		await pool.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
	};
	drops.add(drop);
	const shadow = await openPool(otherDatabase(target, name));
	return adapt(shadow, target.schema, () => shadow.end().then(drop));
}

/**
 * @param {{ url: string, shadowDatabaseUrl?: string }} datasource
 * @param {string[]} schemaFiles
 */
export function createEngine({ url, shadowDatabaseUrl }, schemaFiles = []) {
	/** @type {[string, string][]} */
	const datamodels = schemaFiles.map((file) => [file, readFileSync(file, 'utf8')]);
	const options = { datamodels: datamodels.length > 0 ? datamodels : undefined };
	const bindings = loadBindings();
	bindings.catch(() => {});
	/** @param {ReturnType<typeof bind>} factory */
	const start = async (factory) => (await bindings).SchemaEngine.new(options, () => {}, factory);

	/**
	 * @param {Target} target a database given for trying migrations out; emptied, as by the native engine
	 * @param {Target} main
	 */
	async function openShadow(target, main) {
		if (target.address === main.address && target.config.database === main.config.database) {
			throw new Error('The shadow database must be another database than the main one.');
		}
		const pool = await openPool(target);
		const adapter = await adapt(pool, target.schema, () => pool.end());
		const engine = await start(bind(adapter));
		await engine.reset({ filter: { externalTables: [], externalEnums: [] } });
		return adapter;
	}

	async function connect() {
		const main = parseUrl(url);
		const shadow = shadowDatabaseUrl && parseUrl(shadowDatabaseUrl);
		const pool = await openPool(main);
		const adapter = await adapt(pool, main.schema, () => pool.end());
		const open = () => (shadow ? openShadow(shadow, main) : createShadow(main, pool));
		return start(bind(adapter, () => open().catch(fail)));
	}

	return { connect, withoutDatabase: () => start(bind(offline())) };
}
