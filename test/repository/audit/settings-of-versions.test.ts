import fc from 'fast-check';
import { type Destination, redact } from '../../../src/index.ts';
import { metaPixel, metaToken, posthog } from '../../support/destinations.ts';
import { type Service, startService } from '../../support/service.ts';

// What each version of a destination had, and what differs between two: by a model in memory.

let service: Service;

beforeAll(async () => {
	service = await startService();
});

afterAll(() => service.stop());

const tokenOf = (n: number) => `${metaToken}${n}`;

type Step =
	| { readonly name: string }
	| { readonly enabled: boolean }
	| { readonly settings: Readonly<Record<string, string | null>> };

const step: fc.Arbitrary<Step> = fc.oneof(
	fc.record({ name: fc.constantFrom('One', 'Two', 'Three') }),
	fc.record({ enabled: fc.boolean() }),
	fc.record({
		settings: fc.record(
			{
				accessToken: fc.nat({ max: 2 }).map(tokenOf),
				testEventCode: fc.constantFrom('TEST1', null),
				pixelId: fc.constantFrom('1234567890', '9876543210'),
			},
			{ requiredKeys: [] },
		),
	}),
);

/** A destination with the states of all its versions, the first one first. */
async function evolved(steps: readonly Step[]) {
	const { destinations, organizationId } = await service.tenant();
	const made: Destination = await destinations.create(metaPixel(organizationId));
	const states: Destination[] = [made];
	for (const change of steps) {
		const now =
			'settings' in change
				? await destinations.patchSettings(made.id, change.settings)
				: await destinations.update(made.id, change);
		if (now.version > states.length) states.push(now);
	}
	return { destinations, id: made.id, states };
}

async function wholeHistory(
	{ destinations, id }: Awaited<ReturnType<typeof evolved>>,
	limit: number,
) {
	const versions: Awaited<ReturnType<typeof destinations.history>>['items'][number][] = [];
	let cursor: string | null | undefined;
	while (cursor !== null) {
		const page = await destinations.history(id, { limit, cursor });
		versions.push(...page.items);
		cursor = page.nextCursor;
	}
	return versions;
}

/** The last version that had the settings of each one. */
function lastOf(states: readonly Destination[], version: number): number {
	const settings = JSON.stringify(states[version - 1]?.settings);
	let last = version;
	while (last < states.length && JSON.stringify(states[last]?.settings) === settings) last += 1;
	return last;
}

test('history shows what each version had, redacted, whatever the pages, and whatever was pruned', async () => {
	const seen = { pruned: 0, kept: 0 };
	await fc.assert(
		fc.asyncProperty(
			fc.array(step, { minLength: 3, maxLength: 12 }),
			fc.integer({ min: 1, max: 5 }),
			fc.option(fc.nat({ max: 2 }), { nil: undefined }),
			fc.boolean(),
			async (steps, limit, keep, deleted) => {
				const target = await evolved(steps);
				const { destinations, id, states } = target;
				if (deleted) await destinations.softDelete(id);
				const replaced = states.length - 1;
				const kept = new Set(
					Array.from({ length: replaced }, (_, n) => n + 1)
						.filter((version) => lastOf(states, version) === version)
						.slice(keep === undefined ? 0 : -keep || replaced),
				);
				if (keep !== undefined) {
					await service.db.asService().destinations.pruneSettingsHistory({ keep });
				}
				const versions = (await wholeHistory(target, limit)).filter(
					({ version }) => version <= states.length,
				);
				expect(versions.map(({ version }) => version)).toEqual(
					states.map((_, n) => n + 1).reverse(),
				);
				for (const { version, settings, settingsError } of versions) {
					const state = states[version - 1];
					const last = lastOf(states, version);
					const isKept = last === states.length || kept.has(last);
					seen[isKept ? 'kept' : 'pruned'] += 1;
					expect(settings).toEqual(isKept && state ? redact(state).settings : null);
					expect(settingsError).toBeUndefined();
				}
				expect(JSON.stringify(versions)).not.toContain(metaToken);
			},
		),
		{ numRuns: 25 },
	);
	expect(Math.min(seen.kept, seen.pruned)).toBeGreaterThan(10);
});

test('history says why the settings of a version do not open', async () => {
	const { destinations, id } = await evolved([
		{ settings: { pixelId: '9876543210' } },
		{ name: 'One' },
	]);
	await service.admin.query(
		`UPDATE destinations SET settings = jsonb_set(settings, '{kid}', '"gone"') WHERE id = $1`,
		[id],
	);
	const { items } = await destinations.history(id, { limit: 5 });
	expect(items.map(({ settings, settingsError }) => [settings?.pixelId, settingsError])).toEqual([
		[undefined, 'UNKNOWN_KEY'],
		['9876543210', undefined],
		['9876543210', undefined],
		['1234567890', undefined],
	]);
});

describe('diff', () => {
	const visible = ['pixelId', 'testEventCode'];

	function expected(a: Destination, b: Destination) {
		const fields = (['name', 'enabled'] as const)
			.filter((name) => a[name] !== b[name])
			.map((name) => ({ path: [name], secret: false, a: a[name], b: b[name] }));
		const before = new Map<string, unknown>(Object.entries(a.settings));
		const after = new Map<string, unknown>(Object.entries(b.settings));
		const settings = [...new Set([...before.keys(), ...after.keys()])]
			.filter((name) => before.get(name) !== after.get(name))
			.map((name) => ({
				path: ['settings', name],
				secret: !visible.includes(name),
				...(visible.includes(name) && before.has(name) && { a: before.get(name) }),
				...(visible.includes(name) && after.has(name) && { b: after.get(name) }),
			}));
		return [...fields, ...settings].sort(byPath);
	}
	const byPath = (a: { path: readonly string[] }, b: { path: readonly string[] }) =>
		a.path.join() < b.path.join() ? -1 : 1;

	test('tells what differs between two versions, of secrets only that they do', async () => {
		await fc.assert(
			fc.asyncProperty(
				fc.array(step, { minLength: 3, maxLength: 10 }),
				fc.nat(),
				fc.nat(),
				async (steps, first, second) => {
					const { destinations, id, states } = await evolved(steps);
					const [a, b] = [first, second].map((n) => states[n % states.length]);
					const now = states.at(-1);
					if (a === undefined || b === undefined || now === undefined) throw new Error('no state');
					const difference = await destinations.diff(
						{ id, version: a.version },
						{ id, version: b.version },
					);
					expect([...difference].sort(byPath)).toEqual(expected(a, b));
					const toNow = await destinations.diff({ id, version: a.version }, id);
					expect([...toNow].sort(byPath)).toEqual(expected(a, now));
					expect(JSON.stringify(difference)).not.toContain(metaToken);
				},
			),
			{ numRuns: 25 },
		);
	});

	test('of two destinations compares their types too, and hides what either type hides', async () => {
		const { destinations, organizationId } = await service.tenant();
		const a = await destinations.create(posthog(organizationId));
		const b = await destinations.create({
			...{ organizationId, type: 'amplitude', name: 'EU project' },
			settings: { apiKey: 'another', secretKey: 'secret-of-amplitude' },
		});
		const difference = await destinations.diff(a.id, b.id);
		expect(difference).toEqual([
			{ path: ['type'], secret: false, a: 'posthog', b: 'amplitude' },
			{ path: ['settings', 'apiKey'], secret: false, a: a.settings.apiKey, b: 'another' },
			{ path: ['settings', 'host'], secret: false, a: 'https://eu.i.posthog.com' },
			{ path: ['settings', 'secretKey'], secret: true },
			{ path: ['settings', 'dataResidency'], secret: false, b: 'us' },
		]);
		const copy = await destinations.copyTo(b.id, 'staging');
		expect(await destinations.diff(b.id, copy.id)).toEqual([
			{ path: ['environment'], secret: false, a: 'production', b: 'staging' },
		]);
	});

	test('refuses versions that there are not, and what are none', async () => {
		const { destinations, id } = await evolved([{ name: 'One' }]);
		await expect(destinations.diff(id, { id, version: 3 })).rejects.toMatchObject({
			code: 'NOT_FOUND',
		});
		for (const version of [0, 1.5, '1'] as number[]) {
			await expect(destinations.diff({ id, version }, id)).rejects.toMatchObject({
				code: 'VALIDATION',
				issues: [{ path: ['a', 'version'] }],
			});
		}
		await expect(destinations.diff(id, 'x')).rejects.toMatchObject({ issues: [{ path: ['b'] }] });
	});
});
