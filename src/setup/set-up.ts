import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { newKey } from '../keys/new-key.ts';
import { addToEnvFile, readEnvFile } from './env-file.ts';
import { loginOf, withLogin } from './login-url.ts';
import { Administration, loginKinds, type NewLogin } from './logins.ts';
import { deployMigrations } from './migrate.ts';
import {
	deployCommand,
	findPrismaConfig,
	type PrismaConfig,
	writePrismaConfig,
} from './prisma-config.ts';

/** What a set-up is made of. */
export interface SetUpOptions {
	/** The folder of the service. */
	readonly folder: string;
	/** The file of variables, from there. */
	readonly envFile: string;
	/** What the names of the logins begin with. */
	readonly prefix: string;
	/** URL of the login that administers the database, if it is to be set up. */
	readonly connectionString: string | undefined;
	/** Keys that the service has already, outside the file. */
	readonly hasKeys: boolean;
	/** Whether to run the migrations. */
	readonly migrate: boolean;
	/** Whether only to say what would be done. */
	readonly dryRun: boolean;
}

/** One thing of a set-up: made now, there before, or left for somebody to do. */
interface Step {
	readonly outcome: 'made' | 'kept' | 'left';
	readonly message: string;
}

/** What a set-up came to. */
export interface SetUp {
	readonly steps: readonly Step[];
	/** Variables that were added to the file. Their values are secret. */
	readonly added: ReadonlyMap<string, string>;
	/** What stopped it half way; undefined where nothing did. */
	readonly failure?: unknown;
}

/**
 * Makes what a service needs beside the package: the configuration of Prisma's command, a key, logins of its own, and a file
 * with their variables. What is there stays as it is. Killed at any moment, it goes on where it was when it is run
 * again: passwords are in the file before there is a login.
 *
 * @throws UnavailableError if the database cannot be reached; then nothing was written.
 */
export async function setUp(options: SetUpOptions): Promise<SetUp> {
	const { connectionString } = options;
	if (connectionString === undefined) return setUpFiles(options);
	await using administration = await Administration.open(connectionString);
	return await setUpFiles(options, administration);
}

async function setUpFiles(options: SetUpOptions, administration?: Administration): Promise<SetUp> {
	const { folder, migrate, dryRun } = options;
	const steps: Step[] = [];
	// Whatever fails before the first file leaves nothing behind.
	const migrated = (await administration?.isMigrated()) ?? false;
	const config = await findPrismaConfig(folder);
	if (!config.exists && !dryRun) await writePrismaConfig(folder, config);
	steps.push({ outcome: config.exists ? 'kept' : 'made', message: config.name });

	const file = join(folder, options.envFile);
	const before = await readEnvFile(file);
	const plan = await planVariables(options, before, administration);
	steps.push(...plan.kept);
	if (plan.added.size > 0) {
		const { wasOpenToOthers } = dryRun
			? { wasOpenToOthers: false }
			: await addToEnvFile(file, plan.added);
		const mode = wasOpenToOthers ? ', which nobody else may read from now on' : '';
		const early = plan.logins.length > 0 && !migrate && !migrated;
		const whose = early ? '; its URLs are for logins that do not exist yet' : '';
		const message = `${[...plan.added.keys()].join(', ')} in ${options.envFile}${mode}${whose}`;
		steps.push({ outcome: 'made', message });
	}
	const { added } = plan;
	if (administration === undefined) {
		const message =
			'logins: set DATABASE_URL to the login that administers the database, and run this again';
		return { added, steps: [...steps, { outcome: 'left', message }] };
	}
	try {
		await setUpDatabase({ ...options, ...plan, config, migrated, administration, steps });
		return { added, steps };
	} catch (failure) {
		if (plan.logins.length > 0) {
			steps.push({ outcome: 'left', message: `${named(plan.logins)}: not created yet` });
		}
		return { added, steps, failure };
	}
}

interface Plan {
	readonly added: ReadonlyMap<string, string>;
	readonly kept: readonly Step[];
	/** Logins that are not there and whose passwords are in the file, or will be. */
	readonly logins: readonly NewLogin[];
}

async function planVariables(
	{ envFile, prefix, connectionString, hasKeys }: SetUpOptions,
	before: ReadonlyMap<string, string>,
	administration: Administration | undefined,
): Promise<Plan> {
	const added = new Map<string, string>();
	const kept: Step[] = [];
	const logins: NewLogin[] = [];
	const there: NewLogin[] = [];
	const names = loginKinds.map(({ suffix }) => `${prefix}_${suffix}`);
	const existing = (await administration?.existing(names)) ?? new Set();
	for (const { kind, suffix, variable } of loginKinds) {
		const name = `${prefix}_${suffix}`;
		const url = before.get(variable);
		if (url !== undefined) {
			const given = loginOf(url);
			const isOurs = given.name === name && given.password !== '';
			if (isOurs) (existing.has(name) ? there : logins).push({ kind, ...given });
			const whose = given.name === name ? '' : `, of another login than ${name}`;
			kept.push({ outcome: 'kept', message: `${variable} in ${envFile}${whose}` });
		} else if (existing.has(name)) {
			const message = `${variable}: the login ${name} is there, and its password is not known here. Add its URL to ${envFile}, or choose other names by --prefix`;
			kept.push({ outcome: 'left', message });
		} else if (connectionString !== undefined) {
			const password = randomBytes(24).toString('hex');
			added.set(variable, withLogin(connectionString, name, password));
			logins.push({ kind, name, password });
		}
	}
	if (there.length > 0) kept.push({ outcome: 'kept', message: named(there) });
	if (before.has(keysVariable)) {
		kept.push({ outcome: 'kept', message: `${keysVariable} in ${envFile}` });
	} else if (hasKeys) {
		kept.push({ outcome: 'kept', message: `${keysVariable} in the environment` });
	} else added.set(keysVariable, newKey());
	return { added, kept, logins };
}

const keysVariable = 'DESTINATIONS_ENCRYPTION_KEYS';

interface DatabasePlan extends SetUpOptions, Plan {
	readonly config: PrismaConfig;
	/** Whether the migrations ran before, all or some of them. */
	readonly migrated: boolean;
	readonly administration: Administration;
	/** Each step is added as soon as it is done: the next may fail. */
	readonly steps: Step[];
}

async function setUpDatabase(plan: DatabasePlan): Promise<void> {
	const { logins, migrate, migrated, dryRun, config, steps } = plan;
	if (migrate) steps.push(await runMigrations(plan));
	else if (!migrated) {
		const message = `migrations and logins: run \`${deployCommand(config)}\` and this again, or this with --migrate`;
		steps.push({ outcome: 'left', message });
		return;
	}
	if (logins.length === 0) return;
	if (!dryRun) await plan.administration.create(logins);
	steps.push({ outcome: 'made', message: named(logins) });
}

async function runMigrations(plan: DatabasePlan): Promise<Step> {
	const { folder, connectionString = '', config, migrated, dryRun } = plan;
	if (dryRun) {
		// Only Prisma's command would say which.
		return { outcome: 'made', message: `the migrations${migrated ? ', if any are pending' : ''}` };
	}
	const anyPending = await deployMigrations(folder, connectionString, config);
	return anyPending
		? { outcome: 'made', message: 'the migrations that were pending' }
		: { outcome: 'kept', message: 'the migrations: none were pending' };
}

function named(logins: readonly NewLogin[]): string {
	const names = logins.map(({ name }) => name).join(', ');
	return `the ${logins.length === 1 ? 'login' : 'logins'} ${names}`;
}
