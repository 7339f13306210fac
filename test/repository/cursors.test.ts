import { type ScopedClient, ValidationError } from '../../src/index.ts';
import { metaPixel, posthog } from '../support/destinations.ts';
import { type Service, startService } from '../support/service.ts';

// Whatever stands in the place of a cursor, also that of another call, a page comes or a ValidationError.

let service: Service;
let acme: ScopedClient;
let id: string;
/** A cursor of each call. */
const own = new Map<string, string>();

const past = new Date('2020-01-01');

type Paged = (cursor: string | undefined) => Promise<string | null | undefined>;

async function exported(cursor: string | undefined, from?: Date): Promise<string | undefined> {
	let next: string | undefined;
	const onCursor = (given: string) => {
		next = given;
	};
	for await (const _ of acme.audit.export({ cursor, onCursor, from }));
	return next;
}

const after = async (page: Promise<{ readonly nextCursor: string | null }>) =>
	(await page).nextCursor;

const paged: Readonly<Record<string, Paged>> = {
	...Object.fromEntries(
		(['newest', 'oldest', 'changed', 'name'] as const).map((order): [string, Paged] => [
			`destinations.list by ${order}`,
			(cursor) => after(acme.destinations.list({ order, cursor, limit: 1 })),
		]),
	),
	'destinations.history': (cursor) => after(acme.destinations.history(id, { cursor, limit: 1 })),
	'audit.list': (cursor) => after(acme.audit.list({ cursor, limit: 1 })),
	'audit.list by time': (cursor) => after(acme.audit.list({ cursor, limit: 1, from: past })),
	'audit.export': (cursor) => exported(cursor),
	'audit.export by time': (cursor) => exported(cursor, past),
};

const asCursor = (parts: unknown) => Buffer.from(JSON.stringify(parts)).toString('base64url');

const strange: readonly string[] = [
	...['', ' ', 'x', '-1', '0', '1.5', '0x10', 'null', '[]', '\0', '٣', '½'],
	// Around the largest integer and the largest bigint of Postgres.
	...['2147483647', '2147483648', '9223372036854775807', '9223372036854775808', '1'.repeat(20)],
	...['1'.repeat(5_000), 'A'.repeat(300_000)],
	...[null, {}, [], [1], ['newest'], ['newest', 'x', 'x'], ['name', '\0', 'x']].map(asCursor),
	asCursor(['newest', '9999-12-31 23:59:59.999999+00', '00000000-0000-0000-0000-000000000000']),
	asCursor(['newest', '2026-02-30 00:00:00+00', '00000000-0000-0000-0000-000000000000']),
	asCursor(['recorded', '2026-01-01 00:00:00+00', '9223372036854775808']),
];

beforeAll(async () => {
	service = await startService();
	const organizationId = await service.createOrganization();
	acme = service.db.forOrganization(organizationId);
	({ id } = await acme.destinations.create(posthog(organizationId)));
	await acme.destinations.create(metaPixel(organizationId));
	await acme.destinations.update(id, { name: 'Renamed' });
	for (const [name, call] of Object.entries(paged)) {
		own.set(name, String(await call(undefined)));
	}
});

afterAll(() => service.stop());

test.each(Object.entries(paged))('%s', async (name, call) => {
	expect(own.get(name)).not.toMatch(/^(null|undefined)$/);
	await call(own.get(name));
	for (const cursor of [...strange, ...own.values()]) {
		const error: unknown = await call(cursor).then(
			() => undefined,
			(reason: unknown) => reason,
		);
		if (error === undefined) continue;
		expect([cursor.slice(0, 40), error]).toEqual([
			cursor.slice(0, 40),
			expect.any(ValidationError),
		]);
		expect((error as ValidationError).issues).toMatchObject([{ path: ['cursor'] }]);
	}
});
