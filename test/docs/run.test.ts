import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { bundle } from '../support/bundle.ts';
import { newKeys } from '../support/extended-client.ts';
import { startService } from '../support/service.ts';
import { codeBlocks, documents, root } from './markdown.ts';

/** Blocks that are marked `run`: whole programs, which find the database and the keys in their environment. */
const blocks = documents()
	.flatMap(codeBlocks)
	.filter(({ language, flags }) => language === 'ts' && flags.includes('run'));

let folder: string;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), 'docs-'));
	const paths = {
		'@consent-io/destinations': [join(root, 'src/index.ts')],
		'@consent-io/destinations/contracts': [join(root, 'src/contracts/index.ts')],
		'@consent-io/destinations/testing': [join(root, 'src/testing/index.ts')],
	};
	await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: { paths } }));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('there are programs to run', () => {
	expect(blocks.length).toBeGreaterThan(2);
});

test.each(blocks)('the program at $place runs', async ({ code }) => {
	const service = await startService();
	try {
		const ids = {
			organizationId: await service.createOrganization(),
			userId: await service.createUser(),
		};
		await writeFile(join(folder, 'ids.mjs'), `Object.assign(globalThis, ${JSON.stringify(ids)});`);
		await writeFile(join(folder, 'program.ts'), code);
		const program = await bundle(join(folder, 'program.ts'));
		try {
			const result = await run(['--import', './ids.mjs', program.file], {
				DATABASE_URL: service.logins.connectionString,
				DATABASE_SERVICE_URL: service.logins.serviceConnectionString,
				DATABASE_LOADER_URL: service.logins.loaderConnectionString,
				PLATFORM_URL: service.connectionString,
				DESTINATIONS_ENCRYPTION_KEYS: newKeys(),
			});
			expect(result).toEqual({ complaint: '', status: 0 });
		} finally {
			await program.remove();
		}
	} finally {
		await service.stop();
	}
});

async function run(args: readonly string[], environment: Record<string, string>) {
	const child = spawn(process.execPath, args, {
		cwd: folder,
		env: { ...process.env, ...environment },
		stdio: ['ignore', 'ignore', 'pipe'],
	});
	const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
	const complaint = await text(child.stderr);
	return { complaint, status: await exited };
}
