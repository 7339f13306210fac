import { Service } from './service.ts';

let service: Service;

beforeAll(async () => {
	const use = `
import { createDestinationsClient, type Destination, redact } from '@consent-io/destinations';
import { createTestKeys, startTestDatabase } from '@consent-io/destinations/testing';

export async function use(): Promise<string[]> {
	const database = await startTestDatabase();
	const db = createDestinationsClient({ ...database.logins, keys: createTestKeys() });
	const scope = db.forOrganization('0e1f2d3c-0000-4000-8000-000000000000', { actorId: 'x' });
	const found: Destination[] = await scope.destinations.findByOrganization('x');
	const rows = await scope.prisma.destination.findMany({ where: { enabled: true }, select: { name: true } });
	rows satisfies { name: string }[];
	// @ts-expect-error: was not selected
	rows[0]?.type;
	// @ts-expect-error: no such type of destination
	await scope.destinations.findByType('x', 'google');
	return found.flatMap((destination) => {
		redact(destination);
		// @ts-expect-error: which settings, only the type tells
		destination.settings.pixelId;
		return destination.type === 'meta-pixel' ? [destination.settings.pixelId] : [];
	});
}
`;
	const tsconfig = (options: object, files: string[]) =>
		JSON.stringify({
			compilerOptions: {
				target: 'ES2022',
				lib: ['ES2023', 'ESNext.Disposable'],
				types: ['node'],
				noEmit: true,
				strict: true,
				noUncheckedIndexedAccess: true,
				exactOptionalPropertyTypes: true,
				esModuleInterop: true,
				...options,
			},
			files,
		});
	const nodenext = { module: 'nodenext' };
	const bundler = { module: 'preserve', moduleResolution: 'bundler' };
	service = await Service.create({
		files: {
			'use.mts': use,
			'use.cts': use,
			'use.ts': use,
			'nodenext.json': tsconfig(nodenext, ['use.mts', 'use.cts', 'prisma.config.ts']),
			'bundler.json': tsconfig(bundler, ['use.ts', 'prisma.config.ts']),
		},
	});
});

afterAll(() => service?.remove());

test.each(['nodenext', 'bundler'])(
	'its types are whole and strict, for ES modules and CommonJS, with the resolution %s',
	async (resolution) => {
		const { status, output } = await service.run(`tsc -p ${resolution}.json --skipLibCheck false`);
		expect(output).toBe('');
		expect(status).toBe(0);
	},
);
