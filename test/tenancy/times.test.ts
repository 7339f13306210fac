import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from '../../src/generated/prisma/client.ts';
import { Deployment, type Tenant } from './deployment.ts';

let deployment: Deployment;
let bare: PrismaClient;
let a: Tenant;

beforeAll(async () => {
	deployment = await Deployment.open();
	a = await deployment.newTenant(deployment.open());
	bare = new PrismaClient({
		adapter: new PrismaPg({
			connectionString: deployment.superuserUrl,
			options: '-c TimeZone=UTC',
		}),
	});
});

afterAll(async () => {
	await bare.$disconnect();
	await deployment.close();
});

function times(row: { lastTestedAt: Date | null; createdAt: Date } | null): string {
	return [row?.lastTestedAt, row?.createdAt].map((time) => String(time?.getTime())).join();
}

test.each([
	'2026-11-23 21:00:00.123456+00',
	'2026-11-23 21:00:00+00',
	'2026-11-23 23:30:00.5+02:30',
	'0044-03-15 12:00:00+00 BC',
	'10000-01-01 00:00:00+00',
])('%s reads as Prisma alone reads it', async (time) => {
	await deployment.rows(
		`UPDATE destinations SET last_tested_at = '${time}' WHERE id = '${a.own.id}'`,
	);
	const query = { where: { id: a.own.id }, select: { lastTestedAt: true, createdAt: true } };
	const alone = await bare.destination.findUnique(query);
	for (const namedStatements of [true, false]) {
		const { prisma } = deployment.open({ namedStatements }).forOrganization(a.id);
		// As texts: a year of five digits is no date to Prisma, and no invalid date equals another.
		expect(times(await prisma.destination.findUnique(query))).toBe(times(alone));
	}
});
