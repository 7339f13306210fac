import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { manifest } from '../doctor/manifest.ts';
import { ConfigurationError } from '../errors.ts';
import { place } from './place.cjs';

/** A migration of this package. */
export interface Migration {
	readonly name: string;
	readonly sql: string;
	/** What Prisma keeps of it: SHA-256 of the file. */
	readonly checksum: string;
}

/** The schema in which the new tables are made and filled, and where the books of an adoption are. */
export const adoptionSchema = 'destinations_adoption';
/** The schema of what the new tables replace. */
export const replacedSchema = 'destinations_replaced';

/** The tables of this package. */
export const ownTables = [
	'destinations',
	'destination_audit_log',
	'destination_settings_history',
	'destination_data_keys',
] as const;

/** Every migration, in its order. @throws ConfigurationError if the files are not those of this release. */
export async function readMigrations(): Promise<Migration[]> {
	const directory = ['..', '../..']
		.map((up) => join(place, up, 'prisma/migrations'))
		.find((path) => existsSync(path));
	if (directory === undefined) {
		throw new ConfigurationError(
			'The folder prisma/migrations of this package is not beside its command. Run the command from an installed package, not from a bundle.',
		);
	}
	return Promise.all(
		manifest.migrations.map(async ({ name, checksum }) => {
			const file = await readFile(join(directory, name, 'migration.sql'));
			if (createHash('sha256').update(file).digest('hex') !== checksum) {
				throw new ConfigurationError(
					`prisma/migrations/${name} is not the file of this release. Install the package again.`,
				);
			}
			return { name, sql: file.toString('utf8'), checksum };
		}),
	);
}

const dollarQuoted = /(\$(\w*)\$[\s\S]*?\$\2\$)/;
const ownNames = new RegExp(
	`\\bpublic\\.(${[...ownTables, 'destination_audit_log_id_seq'].join('|')})\\b`,
	'g',
);

/**
 * A migration whose tables come into the schema of the adoption, from where they move to `public` once they are
 * filled. Bodies of functions stay as they are: they run after that.
 *
 * @param lockTimeout what takes the place of the migration's own: nobody waits for its locks longer.
 */
export function beforeItsMove(sql: string, lockTimeout: string): string {
	return (
		withLockTimeout(sql, lockTimeout)
			.split(dollarQuoted)
			// The split puts after each piece a body, and after that the name of its quotes.
			.map((piece, index) => {
				if (index % 3 === 0) return piece.replace(ownNames, `${adoptionSchema}.$1`);
				return index % 3 === 1 ? piece : '';
			})
			.join('')
	);
}

export function withLockTimeout(sql: string, lockTimeout: string): string {
	return sql.replace(/SET LOCAL lock_timeout = '\w+'/, `SET LOCAL lock_timeout = '${lockTimeout}'`);
}

/** Prisma's own table, as its schema engine creates it, where `prisma-config` has it. */
export const createHistory = `CREATE SCHEMA IF NOT EXISTS destinations_migrations;
	CREATE TABLE IF NOT EXISTS destinations_migrations._prisma_migrations (
		id varchar(36) PRIMARY KEY NOT NULL,
		checksum varchar(64) NOT NULL,
		finished_at timestamptz,
		migration_name varchar(255) NOT NULL,
		logs text,
		rolled_back_at timestamptz,
		started_at timestamptz NOT NULL DEFAULT now(),
		applied_steps_count integer NOT NULL DEFAULT 0
	);`;

/** Notes that migrations have run; an attempt that failed is noted as rolled back, which it was. */
export const recordMigrations = `WITH failed AS (
		UPDATE destinations_migrations._prisma_migrations SET rolled_back_at = now()
		 WHERE migration_name = ANY ($1) AND finished_at IS NULL AND rolled_back_at IS NULL)
	INSERT INTO destinations_migrations._prisma_migrations
		(id, checksum, migration_name, finished_at, applied_steps_count)
	SELECT gen_random_uuid()::text, made.checksum, made.name, clock_timestamp(), 1
	  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS made (name, checksum, place)
	 WHERE NOT EXISTS (SELECT FROM destinations_migrations._prisma_migrations AS done
		WHERE done.migration_name = made.name AND done.finished_at IS NOT NULL AND done.rolled_back_at IS NULL)
	 ORDER BY made.place`;
