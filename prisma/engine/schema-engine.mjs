#!/usr/bin/env node
// Stands in for Prisma's native schema engine, which the CLI downloads from a host that many company
// networks do not reach. It speaks what the CLI speaks with the native one, and hands the work to the
// WebAssembly build of that engine.
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { loadBindings } from './locate.mjs';

// The CLI reads what is on standard error as JSON, one object a line; a warning of Node.js is not JSON.
process.removeAllListeners('warning');

/**
 * @param {'INFO' | 'ERROR'} level
 * @param {Record<string, unknown>} fields
 */
function log(level, fields) {
	const timestamp = new Date().toISOString();
	const target = 'schema_engine::logger';
	writeSync(2, `${JSON.stringify({ timestamp, level, fields, target })}\n`);
}

const wasmPanic = {
	message: '',
	/** @param {string} message */
	set_message(message) {
		this.message = message;
	},
};
Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: wasmPanic });

/**
 * @param {unknown} cause
 * @returns {Record<string, unknown>}
 */
function describe(cause) {
	const error = /** @type {Error & { code?: string, meta?: unknown }} */ (cause);
	if (wasmPanic.message) {
		return { is_panic: true, message: error.stack, error: { message: wasmPanic.message } };
	}
	return {
		is_panic: false,
		// Off with the engine's own stack trace, which says nothing of the user's.
		message: error.message.replace(/\n +0: \w+::[\s\S]*$/, ''),
		error_code: /^P\d{4}$/.test(error.code ?? '') ? error.code : undefined,
		meta: error.meta,
	};
}

/**
 * @param {string | undefined} command
 * @param {string} url
 */
async function runCommand(command, url) {
	const { createDatabase, openPool, parseUrl } = await import('./connection.mjs');
	if (command === 'can-connect-to-database') {
		const pool = await openPool(parseUrl(url));
		await pool.end();
		return 'Connection successful';
	}
	if (command === 'create-database') {
		const name = await createDatabase(parseUrl(url));
		return `Database '${name}' was successfully created.`;
	}
	throw new Error(`This schema engine has no command "${command}".`);
}

/**
 * @param {{ url: string, shadowDatabaseUrl?: string }} datasource
 * @param {string[]} [schemaFiles]
 */
async function serve(datasource, schemaFiles) {
	// Nothing may end the process while the CLI waits for an answer: it would end as well, as if all
	// were done. So what fails here is the answer to its requests.
	const module = import('./engine.mjs');
	const started = module.then(({ createEngine }) => createEngine(datasource, schemaFiles));
	started.catch(() => {});
	// Most panics of the engine come as an exception beside the call, which then never returns.
	/** @type {Promise<never>} */
	const panicked = new Promise((_, reject) => process.on('uncaughtException', reject));
	panicked.catch(() => {});

	let stopping = false;
	const shutDown = async () => {
		if (stopping) return;
		stopping = true;
		const cleaned = module.then(({ dropShadows }) => dropShadows()).catch(() => {});
		// A server that no longer answers is not to keep the process alive.
		await Promise.race([cleaned, setTimeout(3000)]);
		process.exit(0);
	};
	for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, shutDown);
	// The CLI is done, or dead: there is nobody left to answer.
	process.stdin.on('end', shutDown);

	/** @param {unknown} message */
	const send = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

	/** @type {import('@prisma/schema-engine-wasm/schema_engine_bg').SchemaEngine | undefined} */
	let connected;
	/**
	 * @param {string} method
	 * @param {any} params
	 */
	async function call(method, params) {
		const { connect, withoutDatabase } = await started;
		const offline =
			method === 'diff' && [params.from, params.to].every(({ tag }) => schemaTags.includes(tag));
		if (!offline) connected ??= await connect();
		const engine = connected ?? (await withoutDatabase());
		const name = /** @type {'diff'} */ (method === 'getDatabaseVersion' ? 'version' : method);
		const { migrationsList, filters } = params ?? {};
		const result = await engine[name](params)?.catch(async (error) => {
			if (!error.message.includes('external factory')) throw error;
			// Some methods only know the schema the migrations lead to if another has just worked it out.
			const optInToShadowDatabase = true;
			await engine.diagnoseMigrationHistory({ migrationsList, filters, optInToShadowDatabase });
			return engine[name](params);
		});
		if (method !== 'diff') return result;
		// The CLI shows what it is asked to print, and leaves what the answer holds alone.
		const content = result.stdout?.replace(/\n$/, '');
		if (content) send({ jsonrpc: '2.0', id: 0, method: 'print', params: { content } });
		return { ...result, stdout: null };
	}

	for await (const line of createInterface({ input: process.stdin })) {
		const { id, method, params } = JSON.parse(line);
		// What is not a request is an answer, to a `print` above.
		if (!method) continue;
		const reply = { jsonrpc: '2.0', id };
		if (!methods.includes(method)) {
			send({ ...reply, error: { code: -32601, message: `Method not found: ${method}` } });
			continue;
		}
		try {
			const result = await Promise.race([call(method, params), panicked]);
			send({ ...reply, result: result ?? null });
		} catch (error) {
			const message = 'An error happened. Check the data field for details.';
			const known = await module.then(({ explain }) => explain(error)).catch(() => error);
			send({ ...reply, error: { code: 4466, message, data: describe(known) } });
		}
	}
}

/** The sides of a comparison that take no database. */
const schemaTags = ['empty', 'schemaDatamodel'];

const methods = [
	'applyMigrations',
	'createMigration',
	'dbExecute',
	'debugPanic',
	'devDiagnostic',
	'diagnoseMigrationHistory',
	'diff',
	'ensureConnectionValidity',
	'evaluateDataLoss',
	'getDatabaseVersion',
	'introspect',
	'introspectSql',
	'markMigrationApplied',
	'markMigrationRolledBack',
	'reset',
	'schemaPush',
];

const { values, positionals } = parseArgs({
	allowPositionals: true,
	// A later CLI may know options this file does not.
	strict: false,
	options: {
		datamodels: { type: 'string', short: 'd', multiple: true },
		datasource: { type: 'string' },
		version: { type: 'boolean' },
	},
});
const datasource = JSON.parse(String(values.datasource ?? '{}'));
const command = positionals.indexOf('cli') + 1;

if (values.version) {
	const { version } = await loadBindings();
	process.stdout.write(`schema-engine-cli ${version()}\n`);
} else {
	// The CLI passes over the first line of a log.
	log('INFO', { message: 'Starting schema engine' });
	try {
		if (command > 0) {
			log('INFO', { message: await runCommand(positionals[command], datasource.url ?? '') });
		} else {
			await serve(datasource, /** @type {string[] | undefined} */ (values.datamodels));
		}
	} catch (error) {
		log('ERROR', describe(error));
		process.exit(1);
	}
}
