import { createDecipheriv, randomBytes } from 'node:crypto';
import { sealJson } from '../src/encryption/envelope.ts';
import { deriveTenantKey, netstring } from '../src/keys/tenant-key.ts';
import { builtPackage } from './built-package.ts';
import { type BenchDatabase, createOrganizations, withDatabase } from './database.ts';
import { type Measured, measure, quantile } from './measure.ts';
import { openBarePrisma } from './peers/bare-prisma.ts';
import type { Figure, Report } from './report.ts';

const keyBytes = randomBytes(32);
const keys = `bench:${keyBytes.toString('hex')}`;
/** 150 bytes of JSON, whose envelope has some 270 bytes of ciphertext and members. */
const settings = { apiKey: `phc_${'a'.repeat(43)}`, host: 'https://eu.i.posthog.com' };
const createsForEach = 32 * 20;

/** What encrypting settings and hiding deleted rows costs, against Prisma without the extension. */
export function benchSettings(): Promise<Report> {
	return withDatabase(async (database) => ({
		title: 'Encrypted settings, against bare Prisma on the same table',
		figures: [...(await measureOperations(database)), await measureOpening()],
	}));
}

/**
 * Three ways of encrypting, against Prisma as it comes: the client of this package, in the scope of the
 * service; the extension alone; and, as the least that any extension costs, one that does nothing.
 */
async function measureOperations({ connectionString, admin }: BenchDatabase): Promise<Figure[]> {
	const open = () => openBarePrisma(connectionString);
	const [bare, base, idleBase] = [open(), open(), open()];
	const { createDestinationsClient, destinationsExtension } = await builtPackage();
	await using db = createDestinationsClient({ connectionString, keys });
	const client = db.asService().prisma;
	const extended = base.$extends(destinationsExtension({ keys }));
	const idle = idleBase.$extends({
		query: { $allOperations: async ({ args, query }) => await query(args) },
	});
	try {
		const organizations = await createOrganizations(admin, 1000);
		const rows = await Promise.all(
			organizations.map((organizationId) =>
				client.destination.create({
					data: { organizationId, type: 'posthog', name: 'bench', settings },
				}),
			),
		);
		await admin.query('VACUUM ANALYZE');
		const id = rows[500]?.id ?? '';
		const sealed = (await bare.destination.findUniqueOrThrow({ where: { id } })).settings ?? {};
		const readOne = await measure(
			[
				{ name: 'bare', run: () => bare.destination.findUnique({ where: { id } }) },
				{ name: 'client', run: () => client.destination.findUnique({ where: { id } }) },
				{ name: 'extension', run: () => extended.destination.findUnique({ where: { id } }) },
				{ name: 'idle', run: () => idle.destination.findUnique({ where: { id } }) },
			],
			{ rounds: 20, repeats: 50 },
		);
		const readMany = await measure(
			[
				{ name: 'bare', run: () => bare.destination.findMany({ take: 1000 }) },
				{ name: 'client', run: () => client.destination.findMany({ take: 1000 }) },
				{ name: 'extension', run: () => extended.destination.findMany({ take: 1000 }) },
				{ name: 'idle', run: () => idle.destination.findMany({ take: 1000 }) },
			],
			{ rounds: 17, repeats: 3 },
		);
		const places = await createOrganizations(admin, 4 * createsForEach);
		const place = () => ({
			organizationId: places.pop() ?? '',
			type: 'posthog',
			name: 'bench',
		});
		const withSealed = () => ({ data: { ...place(), settings: sealed } });
		const withPlain = () => ({ data: { ...place(), settings } });
		const create = await measure(
			[
				{ name: 'bare', run: () => bare.destination.create(withSealed()) },
				{ name: 'client', run: () => client.destination.create(withPlain()) },
				{ name: 'extension', run: () => extended.destination.create(withPlain()) },
				{ name: 'idle', run: () => idle.destination.create(withSealed()) },
			],
			{ rounds: 20, repeats: 20 },
		);
		return [
			...figures('read one row by id', readOne, 1.05),
			...figures('read 1000 rows', readMany, 1.4),
			...figures('create', create, 1.1),
		];
	} finally {
		await Promise.all([bare, base, idleBase].map((prisma) => prisma.$disconnect()));
	}
}

function figures(
	name: string,
	[bare, client, extension, idle]: Measured[],
	atMost: number,
): Figure[] {
	if (!bare || !client || !extension || !idle) throw new Error('Nothing was measured');
	const figure = (which: string, measured: Measured, bound: Figure['bound']): Figure => ({
		name: `${name}, ${which}`,
		value: measured.ratio,
		unit: '× bare Prisma',
		bound,
		detail: `${measured.median.toFixed(3)} ms against ${bare.median.toFixed(3)} ms; middle half of the ratios ${measured.ratioLow.toFixed(2)} to ${measured.ratioHigh.toFixed(2)}`,
	});
	return [
		figure('client', client, { atMost }),
		figure('extension alone', extension, undefined),
		figure('an extension that does nothing', idle, undefined),
	];
}

/** Opening an envelope, against the decipher and JSON.parse alone, on the same ciphertexts. */
async function measureOpening(): Promise<Figure> {
	const context = {
		organizationId: '018f0000-0000-7000-8000-000000000001',
		destinationId: '018f0000-0000-7000-8000-0000000000aa',
		type: 'posthog',
	};
	const key = deriveTenantKey(keyBytes, 'bench', context.organizationId);
	const json = JSON.stringify({ ...settings, enableServerSide: true, enableClientSide: true });
	const envelopes = Array.from({ length: 1000 }, () => sealJson(json, key, context));
	const parts = envelopes.map(({ iv, ct }) => {
		const sealed = Buffer.from(ct, 'base64url');
		return {
			nonce: Buffer.from(iv, 'base64url'),
			ciphertext: sealed.subarray(0, -16),
			tag: sealed.subarray(-16),
		};
	});
	const boundTo = Buffer.from(
		key.boundTo + netstring(context.destinationId) + netstring(context.type),
	);
	const alone = () => {
		for (const { nonce, ciphertext, tag } of parts) {
			const decipher = createDecipheriv('aes-256-gcm', key.cipherKey, nonce, {
				authTagLength: 16,
			});
			decipher.setAAD(boundTo);
			decipher.setAuthTag(tag);
			const text = decipher.update(ciphertext);
			decipher.final();
			JSON.parse(text.toString());
		}
	};
	const { SettingsEncryption } = await builtPackage();
	const encryption = new SettingsEncryption(keys);
	await encryption.decrypt(envelopes[0], context);
	const opened = () => {
		for (const envelope of envelopes) encryption.tryOpen(envelope, context);
	};
	const ratios: number[] = [];
	const times: number[] = [];
	for (let round = 0; round < 220; round += 1) {
		const [first, second] = round % 2 === 0 ? [alone, opened] : [opened, alone];
		const t0 = performance.now();
		first();
		const t1 = performance.now();
		second();
		const t2 = performance.now();
		const [aloneTime, openedTime] = round % 2 === 0 ? [t1 - t0, t2 - t1] : [t2 - t1, t1 - t0];
		if (round < 20) continue; // warm-up
		ratios.push(openedTime / aloneTime);
		times.push(openedTime);
	}
	return {
		name: 'decrypt one envelope, JSON included',
		value: quantile(ratios, 0.5),
		unit: '× createDecipheriv and JSON.parse',
		bound: { atMost: 1.2 },
		detail: `${quantile(times, 0.5).toFixed(2)} µs; middle half of the ratios ${quantile(ratios, 0.25).toFixed(2)} to ${quantile(ratios, 0.75).toFixed(2)}`,
	};
}
