import { translated } from '../database/translate-errors.ts';
import { keyProvider } from '../encryption/settings-encryption.ts';
import { checkConfiguration } from '../input/options.ts';
import { TenantKeys } from '../keys/tenant-keys.ts';
import { clientConfig } from '../rotation/maintenance-connection.ts';
import { AdoptionConnection } from './connection.ts';
import { Copying } from './copying.ts';
import { FormerSealing } from './former-settings.ts';
import { type Found, foreignKeysTo, inspect } from './inspect.ts';
import { adoptionSchema, type Migration, readMigrations } from './migrations.ts';
import { type AdoptOptions, adoptOptions } from './options.ts';
import { Judge } from './rows.ts';
import { doneSteps, noteStep, preparation, removeReplaced } from './steps.ts';

/** What came of an adoption. */
export interface Adopted {
	/**
	 * - `absent`: there is no table, so the migrations make it
	 * - `own`: the table is this package's own already
	 * - `possible`: it could be adopted, and nothing was changed
	 * - `refused`: it cannot be adopted before somebody has settled what was reported
	 * - `prepared`: everything but the move is done
	 * - `adopted`: the table is this package's own now
	 * - `stopped`: the signal ended it; the next run goes on
	 */
	readonly outcome: 'absent' | 'own' | 'possible' | 'refused' | 'prepared' | 'adopted' | 'stopped';
	/** Rows looked at or copied by this run, by how they held their settings. */
	readonly rows: { readonly plaintext: number; readonly sealed: number; readonly empty: number };
	/** Rows that cannot be adopted as they are. */
	readonly unfit: number;
	/** Seconds in which nobody else could use the table; undefined where it was not moved. */
	readonly lockedSeconds?: number;
}

const noRows = { plaintext: 0, sealed: 0, empty: 0 };

/**
 * Makes a table `destinations` that was created by hand into this package's own. The rows keep
 * their ids and times, settings are encrypted by the envelopes of this package, and each row gets an entry in the log.
 *
 * New tables are made and filled beside the old one, which stays in use; then they take its place in one transaction.
 * It can be killed at any moment and run again.
 *
 * @throws ConfigurationError if keys or connection are missing or malformed, or an option is unknown.
 * @throws RetryError while another adoption is under way in the database, or if a lock was unavailable.
 * @throws UnavailableError if the database cannot be reached. What was done stays.
 */
export async function adopt(given: AdoptOptions = {}): Promise<Adopted> {
	const options = checkConfiguration('adopt()', adoptOptions, given);
	const keys = new TenantKeys(keyProvider(options.keys));
	const former = options.formerKey === undefined ? undefined : new FormerSealing(options.formerKey);
	const migrations = await readMigrations();
	try {
		await using connection = await AdoptionConnection.open(clientConfig(options));
		return await new Adoption(connection, migrations, new Judge(keys, former), options).run();
	} catch (error) {
		throw translated(error);
	}
}

class Adoption {
	readonly #connection: AdoptionConnection;
	readonly #migrations: readonly Migration[];
	readonly #judge: Judge;
	readonly #options: AdoptOptions;

	constructor(
		connection: AdoptionConnection,
		migrations: readonly Migration[],
		judge: Judge,
		options: AdoptOptions,
	) {
		this.#connection = connection;
		this.#migrations = migrations;
		this.#judge = judge;
		this.#options = options;
	}

	async run(): Promise<Adopted> {
		const { goal = 'look', onFound } = this.#options;
		const found = await this.#connection.trial(inspect);
		onFound?.(found);
		if (found.table === 'absent') return { outcome: 'absent', rows: noRows, unfit: 0 };
		if (found.table === 'own' && !found.underWay) return { outcome: 'own', rows: noRows, unfit: 0 };
		if (found.table === 'former') {
			if (found.obstacles.length > 0) return { outcome: 'refused', rows: noRows, unfit: 0 };
			return this.#adopt(found, goal);
		}
		if (goal === 'look') return { outcome: 'possible', rows: noRows, unfit: 0 };
		await this.#finish();
		return { outcome: 'adopted', rows: noRows, unfit: 0 };
	}

	async #adopt(found: Found, goal: AdoptOptions['goal']): Promise<Adopted> {
		const copying = new Copying(this.#connection, this.#judge, this.#migrations, this.#options);
		// Once begun, the rows were all looked at, and copying looks at them again.
		if (goal === 'look' || !found.underWay) {
			const checked = await this.#check(copying, found);
			if (checked !== undefined || goal === 'look') {
				return { outcome: checked ?? 'possible', rows: copying.rows, unfit: copying.unfit };
			}
		}
		await this.#prepare();
		copying.begin();
		const stopped = await copying.copy(found.rows);
		if (stopped) return { outcome: 'stopped', rows: copying.rows, unfit: copying.unfit };
		if (copying.unfit > 0) return { outcome: 'refused', rows: copying.rows, unfit: copying.unfit };
		if (goal === 'prepare') return { outcome: 'prepared', rows: copying.rows, unfit: 0 };
		this.#options.onStep?.('replaced the old table with the new ones');
		const lockedSeconds = await copying.move();
		if (lockedSeconds === undefined) {
			return { outcome: 'refused', rows: copying.rows, unfit: copying.unfit };
		}
		await this.#finish();
		return { outcome: 'adopted', rows: copying.rows, unfit: 0, lockedSeconds };
	}

	/** Looks at everything before anything is changed. Returns why it does not go on. */
	async #check(copying: Copying, { rows }: Found): Promise<'refused' | 'stopped' | undefined> {
		this.#options.onStep?.('look at every row');
		// The first migration says itself what is wrong with the tables of the platform.
		const [platform] = this.#migrations;
		await this.#connection.trial(({ script }) => script(platform?.sql ?? ''));
		if (await copying.check(rows)) return 'stopped';
		return copying.unfit > 0 ? 'refused' : undefined;
	}

	async #prepare(): Promise<void> {
		const done = await this.#connection.transaction(doneSteps);
		for (const step of preparation(this.#migrations)) {
			if (done.has(step.name)) continue;
			this.#options.onStep?.(step.name);
			await this.#connection.transaction(async (transaction) => {
				await step.run(transaction);
				await noteStep(transaction, step);
			});
		}
	}

	/** What comes after the move, while the new table is in use. */
	async #finish(): Promise<void> {
		this.#options.onStep?.('check the foreign keys of other tables');
		const referring = await this.#connection.trial((transaction) =>
			foreignKeysTo(transaction, 'public.destinations'),
		);
		for (const { table, name } of referring) {
			await this.#connection.transaction(({ script }) =>
				script(`ALTER TABLE ${table} VALIDATE CONSTRAINT ${name}`),
			);
		}
		this.#options.onStep?.(`remove what was replaced, and ${adoptionSchema}`);
		await this.#connection.transaction(removeReplaced);
	}
}
