import { createRequire } from 'node:module';
import { resolvePackage } from './locate.mjs';

// The adapter recognizes a pool by `instanceof`, so the driver has to be the very one it uses itself.
const pgPath = resolvePackage('pg', ['@prisma/adapter-pg']);
/** @type {typeof import('pg')} */
const pg = createRequire(import.meta.url)(pgPath);
/** @type {{ parseIntoClientConfig(url: string): import('pg').ClientConfig & Record<string, unknown> }} */
const { parseIntoClientConfig } = createRequire(pgPath)('pg-connection-string');

/**
 * @typedef {object} Target
 * @property {import('pg').ClientConfig & Record<string, unknown>} config
 * @property {string} schema
 * @property {string} address
 */

/** An error the CLI shows under its code, such as P1001. */
export class UserFacingError extends Error {
	/**
	 * @param {string} code
	 * @param {string} message
	 * @param {Record<string, unknown>} [meta]
	 */
	constructor(code, message, meta = {}) {
		super(message);
		this.code = code;
		this.meta = meta;
	}
}

/** @param {string} identifier */
const quote = (identifier) => `"${identifier.replaceAll('"', '""')}"`;

/**
 * @param {string} details must not repeat the URL, which may hold a password
 */
const invalidUrl = (details) =>
	new UserFacingError('P1013', `The provided database string is invalid. ${details}`, { details });

/**
 * @param {string} url
 * @returns {Target}
 */
export function parseUrl(url) {
	const [, rest] = /^postgres(?:ql)?:\/\/(.*)$/s.exec(url) ?? [];
	if (rest === undefined) {
		throw invalidUrl('`datasource.url` must start with `postgresql://` or `postgres://`.');
	}
	// A `#`, `/` or `?` left as it is in a password ends the host early: a piece of the password would
	// be taken for the host, and shown as such in error messages.
	const [, authority = '', path = '', query = ''] = /^([^/?]*)([^?]*)(.*)/s.exec(rest) ?? [];
	const isCut = path.includes('@') || /^[^=]*@/.test(query);
	if (isCut || rest.includes('#') || (rest.includes('@') && !authority.includes('@'))) {
		throw invalidUrl('Special characters in the user name and password must be percent-encoded.');
	}
	try {
		const config = parseIntoClientConfig(url);
		const { sslmode, sslaccept, schema, connect_timeout: timeout } = config;
		if (config.ssl && typeof config.ssl === 'object') {
			// `prefer` allows no encryption at all, so a certificate proves nothing there.
			if (sslmode === 'prefer' || sslaccept === 'accept_invalid_certs') {
				config.ssl.rejectUnauthorized = false;
			}
		}
		config.host ||= 'localhost';
		config.port ||= 5432;
		config.database ||= 'postgres';
		config.connectionTimeoutMillis = (Number(timeout ?? 5) || 0) * 1000;
		const address = `${config.host}:${config.port}`;
		return { config, schema: String(schema || 'public'), address };
	} catch (error) {
		// The driver reads the files named by sslcert, sslkey and sslrootcert.
		const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
		throw invalidUrl(code === 'ENOENT' ? message : 'It cannot be read as a URL.');
	}
}

/**
 * @param {unknown} cause
 * @param {Target} target
 * @returns {Error}
 */
function connectionError(cause, { config, address }) {
	const error = /** @type {Error & { code?: string, severity?: string }} */ (cause);
	const { code = '', message } = error;
	const user = config.user;
	if (code === '28P01' || /^SASL: .*password/.test(message)) {
		return new UserFacingError(
			'P1000',
			`Authentication failed against database server, the provided database credentials for \`${user}\` are not valid.\n\nPlease make sure to provide valid database credentials for the database server at the configured address.`,
			{ database_user: user },
		);
	}
	if (code === '3D000') {
		return new UserFacingError('P1003', `Database \`${config.database}\` does not exist`, {
			database_name: config.database,
		});
	}
	if (code === '28000' || code === '42501') {
		return new UserFacingError(
			'P1010',
			`User was denied access on the database \`${config.database}\``,
			{ database_name: config.database },
		);
	}
	if (error.severity) return new Error(message);
	if (/CERT|TLS|SSL|ISSUER|SIGNATURE/.test(code) || message.includes(' SSL ')) {
		return new UserFacingError('P1011', `Error opening a TLS connection: ${message}`, { message });
	}
	return new UserFacingError(
		'P1001',
		`Can't reach database server at \`${address}\`\n\nPlease make sure your database server is running at \`${address}\`.`,
		{ database_location: address },
	);
}

/**
 * A pool of one connection: the engine's advisory lock and search path belong to a session.
 *
 * @param {Target} target
 * @returns {Promise<import('pg').Pool>}
 */
export async function openPool(target) {
	const { config, schema } = target;
	const pool = new pg.Pool({
		...config,
		max: 1,
		idleTimeoutMillis: 0,
		onConnect: async (client) => {
			await client.query(`SET search_path = ${quote(schema)}`);
			// Killed half-way, the server is not to go on with a migration nobody would record. Not every
			// server has the setting.
			await client.query("SET client_connection_check_interval = '2s'").catch(() => {});
		},
	});
	// An idle connection that is lost shows at the next query; unheard, the event would end the process.
	pool.on('error', () => {});
	try {
		const client = await pool.connect();
		client.release();
	} catch (error) {
		await pool.end();
		const { message } = /** @type {Error} */ (error);
		if (config.sslmode === 'prefer' && config.ssl && message.includes('not support SSL')) {
			return openPool({ ...target, config: { ...config, ssl: false } });
		}
		throw connectionError(error, target);
	}
	// From here on it would also limit how long a query may wait for the one before it.
	pool.options.connectionTimeoutMillis = 0;
	return pool;
}

/**
 * @param {Target} target
 * @param {string} database
 * @returns {Target}
 */
export const otherDatabase = (target, database) => ({
	...target,
	config: { ...target.config, database },
});

/** @param {Target} target */
export async function createDatabase(target) {
	const name = String(target.config.database);
	/** @type {unknown} */
	let failure;
	// There has to be a database to create one from; managed servers differ in which they let in.
	for (const admin of ['postgres', 'template1', 'defaultdb']) {
		const pool = await openPool(otherDatabase(target, admin)).catch((error) => {
			if (!['P1003', 'P1010'].includes(error.code)) throw error;
			failure = error;
		});
		if (!pool) continue;
		try {
			await pool.query(`CREATE DATABASE ${quote(name)}`);
		} catch (error) {
			const { code, message } = /** @type {Error & { code?: string }} */ (error);
			// Several deploys may find it missing at once: all but one come too late, which is as good.
			if (code !== '42P04' && code !== '23505') {
				throw new UserFacingError('P3000', `Failed to create database: ${message}`, {
					database_error: message,
				});
			}
		} finally {
			await pool.end();
		}
		return name;
	}
	throw failure;
}
