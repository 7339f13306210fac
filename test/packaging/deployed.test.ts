import { randomBytes, randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { withClient } from '../../src/testing/databases.ts';
import { type CodeBlock, codeBlocks } from '../docs/markdown.ts';
import { createTestDatabase } from '../support/database.ts';
import { root } from './made-once.ts';
import { esm, found } from './programs.ts';
import { Service } from './service.ts';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let service: Service;
const blocks: CodeBlock[] = [];
const organizationId = randomUUID();

beforeAll(async () => {
	database = await createTestDatabase();
	const other = randomUUID();
	await withClient(database.connectionString, (client) =>
		client.query('INSERT INTO organizations VALUES ($1), ($2)', [organizationId, other]),
	);
	for (const path of ['docs/guides/deploy.md', 'docs/recipes/lambda.md']) {
		blocks.push(...codeBlocks({ path, text: await readFile(join(root, path), 'utf8') }));
	}
	service = await Service.create({
		type: 'module',
		// A service that has no OpenTelemetry, as most.
		missing: ['@opentelemetry'],
		files: { 'main.ts': esm, 'handler.ts': blockWith('export async function handler') },
		environment: {
			DATABASE_URL: database.logins.connectionString,
			DATABASE_SERVICE_URL: database.logins.serviceConnectionString,
			DESTINATIONS_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('hex')}`,
			...{ ORGANIZATION_ID: organizationId, OTHER_ORGANIZATION_ID: other },
		},
	});
});

afterAll(async () => {
	await service?.remove();
	await database?.drop();
});

function blockWith(text: string): string {
	const block = blocks.find(({ code }) => code.includes(text));
	if (block === undefined) throw new Error(`The documents have no block with ${text}`);
	return block.code;
}

/** Runs the guide's command, of another program or in another form. */
async function bundle(change: (command: string) => string = (command) => command): Promise<void> {
	const command = blockWith('esbuild').trim().replace('npx ', 'node_modules/.bin/');
	await service.write({ 'bundle.sh': change(command) });
	const { status, output } = await service.run('node --input-type=module', {
		input: `import { execSync } from 'node:child_process'; execSync('sh bundle.sh', { stdio: 'inherit' });`,
	});
	if (status !== 0) throw new Error(output);
}

test("the guide's command makes an ES module that runs by itself; without its banner it does not", async () => {
	await bundle();
	const ended = await service.run('node bundle/main.mjs');
	if (ended.status !== 0) throw new Error(ended.output);
	expect(JSON.parse(ended.stdout)).toEqual(found);
	expect((await stat(join(service.folder, 'bundle/main.mjs'))).size).toBeLessThan(10_000_000);

	await bundle((command) => command.replace(/\\\n.*$/s, ''));
	const without = await service.run('node bundle/main.mjs');
	expect(without.status).not.toBe(0);
	expect(without.output).toMatch(/Dynamic require of "[\w:/]+" is not supported/);
});

test("the recipe's handler answers, bundled, with one connection for many requests", async () => {
	await bundle((command) =>
		command.replace('main.ts', 'handler.ts').replace('main.mjs', 'handler.mjs'),
	);
	const { status, stdout, output } = await service.run('node --input-type=module', {
		input: `
			const { handler } = await import(process.cwd() + '/bundle/handler.mjs');
			const event = (organizationId) => ({ requestContext: { authorizer: { organizationId } } });
			const answers = [];
			for (const id of ['${organizationId}', '${organizationId}', 'nobody']) answers.push(await handler(event(id)));
			console.log(JSON.stringify(answers));
			process.kill(process.pid, 'SIGTERM');`,
	});
	if (status !== 0) throw new Error(output);
	const [first, second, third] = JSON.parse(stdout);
	expect([first, second]).toEqual(Array(2).fill({ statusCode: 200, body: '[]' }));
	expect(third.statusCode).toBe(400);
	expect(JSON.parse(third.body)).toMatchObject({ code: 'VALIDATION' });
});
