import { randomBytes, randomUUID } from 'node:crypto';
import { withClient } from '../../src/testing/databases.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { esm, found } from './programs.ts';
import { Service } from './service.ts';

/** Sets up OpenTelemetry as a service does, with its instrumentation of pg, and prints every span. */
const instrumentation = `
const { context, trace } = require('@opentelemetry/api');
const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks');
const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { PgInstrumentation } = require('@opentelemetry/instrumentation-pg');

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
trace.setGlobalTracerProvider(provider);
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
new PgInstrumentation().setTracerProvider(provider);
process.on('exit', () => {
	for (const span of exporter.getFinishedSpans()) {
		const { name, attributes, parentSpanContext, status } = span;
		const ids = { id: span.spanContext().spanId, parent: parentSpanContext?.spanId };
		process.stderr.write(JSON.stringify({ name, attributes, status, ...ids }) + '\\n');
	}
});
`;

interface PrintedSpan {
	readonly name: string;
	readonly attributes: Readonly<Record<string, unknown>>;
	readonly status: { readonly code: number };
	readonly id: string;
	readonly parent?: string;
}

let database: TestDatabase;
let environment: Record<string, string>;

beforeAll(async () => {
	database = await createTestDatabase();
	const organizations = { ORGANIZATION_ID: randomUUID(), OTHER_ORGANIZATION_ID: randomUUID() };
	await withClient(database.connectionString, (client) =>
		client.query('INSERT INTO organizations SELECT unnest($1::uuid[])', [
			Object.values(organizations),
		]),
	);
	environment = {
		DATABASE_URL: database.connectionString,
		DESTINATIONS_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('hex')}`,
		...organizations,
	};
});

afterAll(() => database?.drop());

test('the instrumentation of pg sees the statement itself, inside the span of its operation', async () => {
	const files = { 'main.mjs': esm, 'instrumentation.cjs': instrumentation };
	const service = await Service.create({ environment, files });
	try {
		const ended = await service.run('node --require ./instrumentation.cjs main.mjs', {
			environment: { OTEL_SEMCONV_STABILITY_OPT_IN: 'database' },
		});
		if (ended.status !== 0) throw new Error(ended.output);
		expect(JSON.parse(ended.stdout)).toEqual(found);
		const lines = ended.stderr.trim().split('\n');
		const spans = lines.map((line): PrintedSpan => JSON.parse(line));
		const names = spans.filter(({ name }) => !name.startsWith('pg')).map(({ name }) => name);
		expect(names).toEqual([
			...['destinations.create', 'prisma.destination.findMany', 'destinations.findById'],
			...['destinations.create', 'destinations.softDelete'],
		]);
		for (const name of new Set(names)) {
			const own = spans.find((span) => span.name === name);
			const sent = spans.filter(
				({ name, parent }) => name.startsWith('pg.query') && parent === own?.id,
			);
			const texts = sent.map(({ attributes }) => attributes['db.query.text']);
			expect([name, texts]).toEqual([name, [own?.attributes['db.query.text']]]);
			for (const { status } of sent) expect(status.code).toBe(0);
		}
		expect(ended.output).not.toMatch(/set_config\('role'|reset role/);
		expect(ended.stderr).not.toContain(found.apiKey);
	} finally {
		await service.remove();
	}
});

test('without OpenTelemetry everything works, and nothing is said', async () => {
	const missing = ['@opentelemetry'];
	const service = await Service.create({ environment, missing, files: { 'main.mjs': esm } });
	try {
		const without = await service.run('node --input-type=module', {
			input: `await import('@opentelemetry/api').catch(({ code }) => console.log(code));`,
		});
		expect(without.stdout).toBe('ERR_MODULE_NOT_FOUND\n');
		const { status, stdout, stderr } = await service.run('node main.mjs');
		expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
		expect(JSON.parse(stdout)).toEqual(found);
	} finally {
		await service.remove();
	}
});
