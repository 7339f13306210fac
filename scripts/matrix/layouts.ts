import { goesWell, layouts } from '../../test/packaging/layouts.ts';
import { offline } from '../../test/packaging/migrating.ts';
import { Service } from '../../test/packaging/service.ts';
import { cache, root } from '../build-package.ts';
import { postgreses } from './cells.ts';
import { withPostgres } from './versions.ts';

/** Deploys into every layout of a database, on every supported Postgres; returns what failed, and why. */
export async function deployEverywhere(): Promise<string[]> {
	const failures: string[] = [];
	const service = await Service.create({ environment: offline });
	try {
		for (const postgres of Object.keys(postgreses).map(Number) as (keyof typeof postgreses)[]) {
			for (const [name, layout] of Object.entries(layouts)) {
				const what = `Postgres ${postgreses[postgres]}, ${name}`;
				// On a server of its own, because roles are the server's.
				const failure = await withPostgres(root, cache, postgres, (url) =>
					goesWell(service, url, layout),
				).then(
					() => undefined,
					(error: unknown) => `${what}: ${error}`,
				);
				process.stderr.write(`${what}: ${failure === undefined ? 'passed' : 'FAILED'}\n`);
				if (failure !== undefined) failures.push(failure);
			}
		}
	} finally {
		await service.remove();
	}
	return failures;
}
