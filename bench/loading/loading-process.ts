/** A process with a loader, as the service that sends events has one. */
import { createRequire } from 'node:module';

type Package = typeof import('../../src/index.ts');

export interface Calls {
	readonly organizationIds: readonly string[];
	/** How many call for each, at the same time. */
	readonly callers: number;
}

/** What the calls took. */
export interface Answered {
	readonly answers: number;
	readonly statements: number;
}

const [builtFile = '', connectionString = '', keys = ''] = process.argv.slice(2);
const { createDestinationsLoader }: Package = createRequire(import.meta.url)(builtFile);
const loader = createDestinationsLoader({ connectionString, keys });
await loader.start();

process.on('message', async ({ organizationIds, callers }: Calls) => {
	const { loads } = loader.metrics();
	const calls = Array.from({ length: callers }, () =>
		organizationIds.map((id) => loader.findEnabled(id, 'production')),
	).flat();
	const found = await Promise.all(calls);
	process.send?.({
		answers: found.filter(({ length }) => length > 0).length,
		statements: loader.metrics().loads - loads,
	} satisfies Answered);
});
process.send?.('ready');
