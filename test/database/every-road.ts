import { randomBytes } from 'node:crypto';
import type { PoolConfig } from 'pg';
import {
	type DestinationsClient,
	EnvelopeKeyProvider,
	rotateKeys,
	type ScopedClient,
	verifySettings,
} from '../../src/index.ts';
import { run } from '../cli/command-line.ts';
import { everyCall, outsideTransactions, type Subject } from '../repository/every-call.ts';

/** What a road leads to: a database as a service has it. */
export interface Destined {
	readonly db: DestinationsClient;
	/** A scope of that client. */
	readonly scope: ScopedClient;
	/** The address of the same database, for what opens connections of its own. */
	readonly connectionString: string;
	readonly pool?: PoolConfig | undefined;
	readonly keys: string;
	readonly subject: Subject;
}

export type Road = (to: Destined) => Promise<unknown>;

const wrap = async () => randomBytes(64);

async function withProvider(
	{ connectionString, pool }: Destined,
	work: (provider: EnvelopeKeyProvider) => Promise<unknown>,
): Promise<unknown> {
	await using provider = new EnvelopeKeyProvider({
		wrap,
		unwrap: async () => randomBytes(32),
		cacheSeconds: 0,
		connectionString,
		...(pool === undefined ? {} : { pool }),
	});
	return await work(provider);
}

const runOptions = ({ connectionString, pool, keys }: Destined) => ({
	connectionString,
	keys,
	...(pool === undefined ? {} : { connection: pool }),
});

/** What opens connections of its own. */
const maintenance: Readonly<Record<string, Road>> = {
	rotateKeys: (to) => rotateKeys(runOptions(to)),
	verifySettings: (to) => verifySettings(runOptions(to)),
	'EnvelopeKeyProvider.renew': (to) =>
		withProvider(to, (provider) => provider.renew(to.subject.organizationId)),
	'EnvelopeKeyProvider.shred': (to) =>
		withProvider(to, (provider) => provider.shred(to.subject.organizationId)),
};

const calls = Object.entries(everyCall);

/** Every way by which a statement of this package is sent that does not go by Prisma's own methods. */
export const everyRoad: Readonly<Record<string, Road>> = {
	...Object.fromEntries(
		calls.map(([name, call]): [string, Road] => [
			name,
			({ scope, subject }) => call(scope, subject),
		]),
	),
	...Object.fromEntries(
		calls
			.filter(([name]) => !outsideTransactions.has(name))
			.map(([name, call]): [string, Road] => [
				`${name}, in a transaction`,
				({ scope, subject }) => scope.transaction((tx) => call(tx, subject)),
			]),
	),
	...maintenance,
};

/** Those that fail where no session can begin. */
export const everyRoadThatConnects: Readonly<Record<string, Road>> = {
	...everyRoad,
	'an empty transaction': ({ scope }) => scope.transaction(async () => {}),
	connect: ({ db }) => db.connect(),
};

/** The commands of the command line, which print what they end with. */
export const everyCommand: Readonly<Record<string, (to: Destined) => ReturnType<typeof run>>> =
	Object.fromEntries(
		['verify', 'rotate'].map((name) => [
			name,
			({ connectionString, keys }: Destined) =>
				run([name], {
					environment: { DATABASE_URL: connectionString, DESTINATIONS_ENCRYPTION_KEYS: keys },
				}),
		]),
	);
