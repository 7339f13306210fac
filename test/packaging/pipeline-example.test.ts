import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { testServer } from '../support/database.ts';
import { root } from './made-once.ts';
import { Service } from './service.ts';

let service: Service;

beforeAll(async () => {
	service = await Service.create({ type: 'module' });
	for (const part of ['src', 'tsconfig.json']) {
		await cp(join(root, 'examples/pipeline', part), join(service.folder, part), {
			recursive: true,
		});
	}
});

afterAll(() => service?.remove());

test('the types of the pipeline fit those of the package', async () => {
	const { status, output } = await service.run('tsc -p .');
	expect({ status, output }).toEqual({ status: 0, output: '' });
});

test('the pipeline takes events where their consent allows, while destinations are edited', async () => {
	const { status, stdout, output } = await service.run('node --import tsx src/main.ts', {
		environment: {
			TEST_POSTGRES: testServer().connectionString,
			...{ ORGANIZATIONS: '8', EVENTS_PER_SECOND: '100', SECONDS: '2' },
		},
	});
	if (status !== 0) throw new Error(output);
	expect(stdout).toContain('200 events, 0 requests that failed');
	const got = (place: string) => Number(new RegExp(`${place} +(\\d+)`).exec(stdout)?.[1]);
	// Every event may go to the log; a half of the visitors allow measurement, another half marketing.
	for (const host of ['eu.i.posthog.com', 'graph.facebook.com', 'www.google-analytics.com']) {
		expect(got(host)).toBeGreaterThan(20);
		expect(got(host)).toBeLessThan(150);
	}
	expect(got('the log')).toBeGreaterThan(100);
	expect(got('answers from memory:')).toBeGreaterThan(100);
	expect(Number(/(\d+) edits/.exec(stdout)?.[1])).toBeGreaterThan(1);
	const svg = await readFile(join(service.folder, 'latency-and-freshness.svg'), 'utf8');
	expect(svg).toMatch(/^<svg [\s\S]*<polyline [\s\S]*<circle [\s\S]*<\/svg>\n$/);
	expect(svg).not.toContain('NaN');
});
