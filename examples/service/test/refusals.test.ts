import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Api, pixel, secret } from './api.ts';
import { database } from './database.ts';
import { type RunningService, startService } from './running-service.ts';

let service: RunningService;
let api: Api;

beforeAll(async () => {
	service = await startService(database);
});

beforeEach(async () => {
	await database.reset();
	api = await service.api();
});

afterAll(async () => {
	await service?.stop();
});

describe('what the caller can mend', () => {
	it('400: reports every issue of a destination at once', async () => {
		const { status, body } = await api.call('POST /destinations', {
			type: 'meta-pixel',
			name: '',
			settings: { pixelId: 'none', token: secret },
		});
		expect(status).toBe(400);
		expect(body).toMatchObject({ error: { code: 'VALIDATION' } });
		expect(pathsOf(body)).toEqual(
			expect.arrayContaining(['name', 'settings.pixelId', 'settings.accessToken', 'settings']),
		);
	});

	it('400: refuses a masked secret that is sent back', async () => {
		const id = await api.create();
		const { body: shown } = await api.call(`GET /destinations/${id}`);
		const { status, body } = await api.call(`PATCH /destinations/${id}`, {
			settings: shown.settings,
		});
		expect(status).toBe(400);
		expect(pathsOf(body)).toEqual(['settings.accessToken']);
	});

	it.each([
		['GET /destinations?limit=0', 'limit'],
		['GET /destinations?limit=101', 'limit'],
		['GET /destinations?type=fax', 'type'],
		['GET /destinations?environment=moon', 'environment'],
		['GET /destinations?cursor=abc', 'cursor'],
		['GET /destinations/abc', 'id'],
	] as const)('400: %s', async (route, path) => {
		const { status, body } = await api.call(route);
		expect(status).toBe(400);
		expect(body).toMatchObject({ error: { code: 'VALIDATION' } });
		expect(pathsOf(body)).toEqual([path]);
	});

	it.each([
		['400: a list', 'POST /destinations', '[]', 400],
		['400: broken JSON', 'POST /destinations', `{"settings":{"accessToken":"${secret}"`, 400],
		['413: a large body', 'POST /destinations', `{"name":"${'x'.repeat(70_000)}"}`, 413],
		['404: a route that does not exist', 'GET /nowhere', undefined, 404],
	] as const)('%s', async (_, route, body, status) => {
		const answer = await api.call(route, body);
		expect(answer.status).toBe(status);
		expect(answer.body).toMatchObject({ error: { code: expect.any(String) } });
		expect(answer.text).not.toContain('accessToken');
	});

	it('415: a body that is no JSON', async () => {
		const text = { 'content-type': 'text/plain' };
		const { status } = await api.call('POST /destinations', JSON.stringify(pixel), text);
		expect(status).toBe(415);
	});

	it('409: a second live destination of a type in an environment', async () => {
		const id = await api.create();
		const { status, body } = await api.call('POST /destinations', pixel);
		expect([status, body]).toMatchObject([409, { error: { code: 'ALREADY_EXISTS' } }]);

		await api.call(`DELETE /destinations/${id}`);
		await api.create();
		const restored = await api.call(`POST /destinations/${id}/restore`);
		expect([restored.status, restored.body]).toMatchObject([
			409,
			{ error: { code: 'ALREADY_EXISTS' } },
		]);
	});
});

describe('If-Match', () => {
	const changes = [
		{ name: 'Later' },
		{ settings: { enableClientSide: false } },
		{ name: 'Later', settings: { enableClientSide: false } },
	];

	it.each(changes)('409 if the destination is at another version: %j', async (change) => {
		const id = await api.create();
		await api.call(`PATCH /destinations/${id}`, { name: 'First' });
		const late = await api.call(`PATCH /destinations/${id}`, change, { 'if-match': '"1"' });
		expect(late.status).toBe(409);
		expect(late.body).toMatchObject({ error: { code: 'CONFLICT', currentVersion: 2 } });
		const read = await api.call(`GET /destinations/${id}`);
		expect(read.body).toMatchObject({ name: 'First', settings: { enableClientSide: true } });

		const etag = read.headers.get('etag') ?? '';
		const again = await api.call(`PATCH /destinations/${id}`, change, { 'if-match': etag });
		expect(again.status).toBe(200);
	});

	it('lets one of many win', async () => {
		const id = await api.create();
		const answers = await Promise.all(
			['a', 'b', 'c', 'd', 'e', 'f'].map((name) =>
				api.call(`PATCH /destinations/${id}`, { name }, { 'if-match': '"1"' }),
			),
		);
		expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409, 409]);
	});

	it.each(['1', 'W/"1"', '"x"', '"0"', '"1", "2"'])('400 if it is %s', async (etag) => {
		const id = await api.create();
		const { status } = await api.call(
			`PATCH /destinations/${id}`,
			{ name: 'New' },
			{ 'if-match': etag },
		);
		expect(status).toBe(400);
	});
});

function pathsOf({ error }: Record<string, unknown>): string[] {
	const { issues } = error as { issues: { path: string[] }[] };
	return issues.map(({ path }) => path.join('.'));
}
