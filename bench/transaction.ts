import { Pool } from 'pg';
import type { DestinationsClient, JoinedScope } from '../src/index.ts';
import { builtPackage } from './built-package.ts';
import { createOrganizations, withDatabase } from './database.ts';
import { type Measured, measure } from './measure.ts';
import { openBarePrisma } from './peers/bare-prisma.ts';
import type { Figure, Report } from './report.ts';

const keys = `bench:${'4f'.repeat(31)}50`;

/** What a service does with destinations in one transaction. */
const work = {
	'read 10 times': async ({ destinations }: JoinedScope, { id }: Subject) => {
		for (let read = 0; read < 10; read += 1) await destinations.findById(id);
	},
	'update 5 times': async ({ destinations }: JoinedScope, { id, next }: Subject) => {
		for (let write = 0; write < 5; write += 1) await destinations.update(id, { name: next() });
	},
	'create, read and delete one': async (
		{ destinations }: JoinedScope,
		{ organizationId }: Subject,
	) => {
		const { id } = await destinations.create({
			...{ organizationId, type: 'posthog', name: 'bench', environment: 'staging' },
			settings: { apiKey: 'phc_bench' },
		});
		await destinations.findById(id);
		await destinations.softDelete(id);
	},
} as const;

interface Subject {
	readonly organizationId: string;
	readonly id: string;
	/** A name that the destination does not have. */
	next(): string;
}

/** What taking part in a transaction of the service's own costs, against one of this package's own. */
export function benchTransaction(): Promise<Report> {
	return withDatabase(async ({ connectionString, admin }) => {
		const { createDestinationsClient } = await builtPackage();
		await using db = createDestinationsClient({ connectionString, keys });
		const [organizationId = ''] = await createOrganizations(admin, 1);
		const { id } = await db.forOrganization(organizationId).destinations.create({
			...{ organizationId, type: 'posthog', name: 'bench', environment: 'production' },
			settings: { apiKey: 'phc_bench' },
		});
		let names = 0;
		const next = () => `bench ${names++}`;
		const pool = new Pool({ connectionString });
		const prisma = openBarePrisma(connectionString, { named: true });
		try {
			const figures: Figure[] = [];
			for (const [name, run] of Object.entries(work)) {
				const inScope = (scope: JoinedScope) => run(scope, { organizationId, id, next });
				const [own, ...others] = await measure(
					[
						{
							name: 'scope.transaction()',
							run: () => db.forOrganization(organizationId).transaction(inScope),
						},
						{ name: 'a client of pg', run: () => onPg(pool, db, organizationId, inScope) },
						{
							name: 'Prisma',
							run: () =>
								prisma.$transaction((transaction) =>
									inScope(db.forOrganization(organizationId, { transaction })),
								),
						},
						{
							name: 'anything with query()',
							run: () => onPg(pool, db, organizationId, inScope, true),
						},
					],
					{ rounds: 20, repeats: 15 },
				);
				figures.push(...others.map((measured) => figureOf(name, measured, own)));
			}
			return { title: 'Destinations in a transaction of the service’s own', figures };
		} finally {
			await pool.end();
			await prisma.$disconnect();
		}
	});
}

async function onPg(
	pool: Pool,
	db: DestinationsClient,
	organizationId: string,
	inScope: (scope: JoinedScope) => Promise<void>,
	asQuery = false,
): Promise<void> {
	const client = await pool.connect();
	try {
		await client.query('BEGIN');
		const query = (text: string, values: string[]) => client.query(text, values);
		const transaction = asQuery ? { query } : client;
		await inScope(db.forOrganization(organizationId, { transaction }));
		await client.query('COMMIT');
	} finally {
		client.release();
	}
}

function figureOf(name: string, measured: Measured, own: Measured | undefined): Figure {
	return {
		name,
		of: measured.name,
		value: measured.ratio,
		spread: { low: measured.ratioLow, high: measured.ratioHigh },
		unit: '× scope.transaction()',
		bound: measured.name === 'a client of pg' ? { atMost: 1.15 } : undefined,
		detail: `${measured.median.toFixed(3)} ms against ${own?.median.toFixed(3)} ms`,
	};
}
