import { setTimeout } from 'node:timers/promises';
import { Deployment, newName } from './deployment.ts';
import { failures } from './stress/failures.ts';
import { Organization, remember, Tally } from './stress/organization.ts';
import { reads } from './stress/reads.ts';
import { type Operation, pick } from './stress/step.ts';
import { writes } from './stress/writes.ts';

// Many organizations at once on few connections, some of which are killed under them.

const organizationCount = 16;
const operationCount = 20_000;
/** Fewer than organizations, so that some always wait, and every connection goes from one to another. */
const connectionCount = 8;

/** Reads half of the time, writes a third, failures the rest. */
function pickOperation(): Operation {
	const dice = Math.random();
	const operation = pick(dice < 0.5 ? reads : dice < 0.85 ? writes : failures);
	if (operation === undefined) throw new Error('there are no operations');
	return operation;
}

let deployment: Deployment;

beforeAll(async () => {
	deployment = await Deployment.open();
});

afterAll(() => deployment.close());

test('of organizations at once none sees a row of another, and none misses its own', async () => {
	const application = newName();
	const connectionString = await deployment.newLogin('authenticated', 'service_role');
	const db = deployment.open({
		connectionString,
		pool: { max: connectionCount, application_name: application },
	});
	// Not among those that are killed.
	const truth = deployment.open({ connectionString, pool: { max: 4 } }).asService().prisma;
	const readTruth = async (organizationId: string) =>
		remember(await truth.destination.withDeleted().findMany({ where: { organizationId } }));

	const tally = new Tally();
	const organizations: Organization[] = [];
	for (let made = 0; made < organizationCount; made += 1) {
		organizations.push(new Organization(await deployment.newOrganization(), db, tally, readTruth));
	}

	const start = performance.now();
	let killed = 0;
	let running = true;
	const kill = async () => {
		while (running) {
			await setTimeout(60);
			const command = killed % 4 === 3 ? 'pg_cancel_backend' : 'pg_terminate_backend';
			await deployment.rows(
				`SELECT ${command}(pid) FROM pg_stat_activity
				 WHERE application_name = $1 ORDER BY random() LIMIT 1`,
				[application],
			);
			killed += 1;
		}
	};
	const killing = kill();

	/** Some row of some other organization. */
	const foreignTo = (organization: Organization) => {
		const other = organizations[Math.floor(Math.random() * organizationCount)];
		const id = other && other !== organization ? [...other.memory.keys()].at(-1) : undefined;
		return id && other ? { id, organizationId: other.id } : undefined;
	};
	const work = async (organization: Organization) => {
		while (tally.operations < operationCount) {
			const foreign = foreignTo(organization) ?? {
				id: '00000000-0000-0000-0000-000000000000',
				organizationId: '00000000-0000-0000-0000-000000000000',
			};
			await pickOperation()(organization, foreign, organizations);
		}
	};
	await Promise.all(organizations.map(work));
	running = false;
	await killing;
	const seconds = (performance.now() - start) / 1000;

	await Promise.all(organizations.map((organization) => organization.settle()));
	process.stdout.write(
		`tenancy stress: ${tally.operations} operations of ${organizationCount} organizations on ${connectionCount} connections in ${seconds.toFixed(1)} s, ${tally.rowsChecked} rows checked, ${tally.injectedErrors} injected errors, ${killed} connections killed or cancelled, ${tally.lost} operations lost by it; ${tally.foreignRows} rows of another organization, ${tally.missingRows} own rows missing, ${tally.surprises.length} surprises\n`,
	);
	expect(tally.surprises.slice(0, 10)).toEqual([]);
	expect(tally.foreignRows).toBe(0);
	expect(tally.missingRows).toBe(0);
	expect(tally.operations).toBeGreaterThanOrEqual(operationCount);
	expect(tally.injectedErrors).toBeGreaterThan(operationCount / 20);
	expect(tally.lost).toBeGreaterThan(10);
	expect(tally.rowsChecked).toBeGreaterThan(operationCount);
	for (const { memory } of organizations) expect(memory.size).toBeGreaterThan(3);
});
