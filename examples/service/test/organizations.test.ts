import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { signToken } from '../src/caller.ts';
import { Api, pixel } from './api.ts';
import { database } from './database.ts';
import { type RunningService, startService } from './running-service.ts';

let service: RunningService;
let acme: Api;
let globex: Api;

beforeAll(async () => {
	service = await startService(database);
});

beforeEach(async () => {
	await database.reset();
	[acme, globex] = await Promise.all([service.api(), service.api()]);
});

afterAll(async () => {
	await service?.stop();
});

describe('another organization’s destination', () => {
	let theirs: string;

	beforeEach(async () => {
		theirs = await globex.create();
	});

	it.each([
		['GET /destinations/:id', undefined],
		['PATCH /destinations/:id', { name: 'Mine now' }],
		['PATCH /destinations/:id', { settings: { pixelId: '987654321098765' } }],
		['PATCH /destinations/:id', { name: 'Mine now', settings: { pixelId: '987654321098765' } }],
		['DELETE /destinations/:id', undefined],
		['POST /destinations/:id/restore', undefined],
		['POST /destinations/:id/test', undefined],
	] as const)('%s answers as if it had never existed', async (route, body) => {
		const before = await globex.call(`GET /destinations/${theirs}`);
		const never = '0193a1b2-0000-7000-8000-00000000dead';
		const refused = await acme.call(withId(route, theirs), body);
		const unknown = await acme.call(withId(route, never), body);
		expect(refused.status).toBe(404);
		expect(refused.text.replaceAll(theirs, never)).toBe(unknown.text);
		expect((await globex.call(`GET /destinations/${theirs}`)).text).toBe(before.text);
	});

	it('is not restored either once it is deleted', async () => {
		await globex.call(`DELETE /destinations/${theirs}`);
		expect((await acme.call(`POST /destinations/${theirs}/restore`)).status).toBe(404);
		expect((await globex.call(`GET /destinations/${theirs}`)).status).toBe(404);
	});

	it('is in no list, not even behind its own cursor', async () => {
		const mine = await acme.create();
		const { body } = await acme.call('GET /destinations');
		expect(body).toMatchObject({ items: [{ id: mine }], nextCursor: null });
		expect(body.items).toHaveLength(1);
		await globex.call('POST /destinations', { ...pixel, environment: 'staging' });
		const { nextCursor } = (await globex.call('GET /destinations?limit=1')).body;
		const behind = await acme.call(`GET /destinations?cursor=${nextCursor}`);
		expect(behind.body.items).toMatchObject([{ id: mine }]);
		expect((await acme.call(`GET /destinations?cursor=${theirs}`)).status).toBe(400);
	});

	it('does not keep this one from having its own of the same type', async () => {
		expect((await acme.call('POST /destinations', pixel)).status).toBe(201);
	});
});

it.each(['organizationId', 'organization_id', 'createdBy', 'id'])(
	'no body names %s',
	async (field) => {
		const body = { ...pixel, [field]: globex.caller.organizationId };
		const { status, body: answer } = await acme.call('POST /destinations', body);
		expect(status).toBe(400);
		expect(answer).toMatchObject({ error: { code: 'VALIDATION' } });
		const id = await acme.create();
		const change = { [field]: globex.caller.organizationId };
		expect((await acme.call(`PATCH /destinations/${id}`, change)).status).toBe(400);
		expect((await globex.call('GET /destinations')).body.items).toEqual([]);
	},
);

it('a caller without a valid token gets nothing', async () => {
	await acme.create();
	for (const token of [undefined, 'nonsense', await signToken(acme.caller, 'x'.repeat(64))]) {
		const stranger = new Api(service.url, acme.caller, token);
		const answers = [
			await stranger.call('GET /destinations'),
			await stranger.call('POST /destinations', pixel),
		];
		for (const { status, headers, body } of answers) {
			expect(status).toBe(401);
			expect(headers.get('www-authenticate')).toBe('Bearer');
			expect(body).toMatchObject({ error: { code: 'UNAUTHENTICATED' } });
		}
	}
});

function withId(route: string, id: string) {
	return route.replace(':id', id) as `GET /${string}`;
}
