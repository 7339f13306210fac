import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { place } from './place.cjs';

/** Prisma's own table, as its schema engine creates it, where `prisma-config` keeps the history of this package. */
const bookkeeping = `CREATE SCHEMA destinations_migrations;
CREATE TABLE destinations_migrations._prisma_migrations (
	id varchar(36) PRIMARY KEY NOT NULL,
	checksum varchar(64) NOT NULL,
	finished_at timestamptz,
	migration_name varchar(255) NOT NULL,
	logs text,
	rolled_back_at timestamptz,
	started_at timestamptz NOT NULL DEFAULT now(),
	applied_steps_count integer NOT NULL DEFAULT 0
)`;

/**
 * The same where Prisma keeps it by default, unless a service has its own history there: neither a service's command
 * nor this project's has anything left to do.
 */
const historyOfProject = `DO $$ BEGIN
	IF to_regclass('public._prisma_migrations') IS NULL THEN
		CREATE TABLE public._prisma_migrations (LIKE destinations_migrations._prisma_migrations INCLUDING ALL);
		INSERT INTO public._prisma_migrations TABLE destinations_migrations._prisma_migrations;
	END IF;
END $$`;

/**
 * Applies the package's migrations to a new database as `prisma migrate deploy` does, and keeps the same
 * books, so that the command finds nothing left to do. The command itself takes two seconds, this a fraction
 * of one.
 */
export async function applyMigrations(client: Client): Promise<void> {
	const directory = join(place, '../../prisma/migrations');
	const entries = await readdir(directory, { withFileTypes: true });
	const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
	await client.query(bookkeeping);
	for (const name of names.sort()) {
		const script = await readFile(join(directory, name, 'migration.sql'));
		const startedAt = new Date();
		// Whole, so that it is one transaction.
		await client.query(script.toString('utf8'));
		await client.query(
			`INSERT INTO destinations_migrations._prisma_migrations
			   (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
			 VALUES ($1, $2, $3, $4, $5, 1)`,
			[
				randomUUID(),
				createHash('sha256').update(script).digest('hex'),
				name,
				startedAt,
				new Date(),
			],
		);
	}
	await client.query(historyOfProject);
}
