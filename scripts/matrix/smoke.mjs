/**
 * The built package at work: as an ES module and as CommonJS, and its command. Takes the folder of the
 * package and the URL of a migrated database; plain JavaScript, which every supported Node runs as it is.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';

const [folder = '', connectionString = ''] = process.argv.slice(2);
const file = path.join(folder, 'package.json');
const { exports, bin } = createRequire(file)(file);
const { import: esm, require: cjs } = exports['.'];

const command = path.join(folder, bin['consent-destinations']);
const printed = execFileSync(process.execPath, [command, 'keygen'], { encoding: 'utf8' });
const keys = /\S+:[0-9a-f]{64}/.exec(printed)?.[0];
assert.ok(keys, 'keygen prints a key');

/** @type {(typeof import('../../src/index.ts'))[]} */
const builds = [
	await import(pathToFileURL(path.join(folder, esm.default)).href),
	createRequire(file)(path.join(folder, cjs.default)),
];
const admin = new pg.Client({ connectionString });
await admin.connect();
for (const { createDestinationsClient } of builds) {
	const db = createDestinationsClient({ connectionString, keys });
	const { rows } = await admin.query('INSERT INTO organizations DEFAULT VALUES RETURNING id');
	const organizationId = rows[0].id;
	const scope = db.forOrganization(organizationId);
	const settings = { apiKey: `phc_${'k3Y'.repeat(14)}` };
	const made = await scope.destinations.create({
		organizationId,
		type: 'posthog',
		name: 'EU project',
		settings,
		requiredConsent: ['measurement'],
	});
	const [read] = await scope.prisma.destination.findMany();
	assert.equal(read?.id, made.id);
	assert.equal(read.type === 'posthog' && read.settings.apiKey, settings.apiKey);
	const stored = await admin.query('SELECT settings FROM destinations WHERE id = $1', [made.id]);
	assert.ok(!JSON.stringify(stored.rows).includes(settings.apiKey), 'the key is stored encrypted');
	await db.close();
}
await admin.end();
