import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Api, pixel } from './api.ts';
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

it('creates a destination of the caller’s organization, in the caller’s name', async () => {
	const { status, headers, body } = await api.call('POST /destinations', pixel);
	expect(status).toBe(201);
	expect(headers.get('location')).toBe(`/destinations/${body.id}`);
	expect(headers.get('etag')).toBe('"1"');
	expect(body).toMatchObject({
		organizationId: api.caller.organizationId,
		createdBy: api.caller.userId,
		type: 'meta-pixel',
		name: 'Shop',
		environment: 'production',
		requiredConsent: ['marketing'],
		version: 1,
	});
});

it('reads one', async () => {
	const id = await api.create();
	const { status, headers, body } = await api.call(`GET /destinations/${id}`);
	expect(status).toBe(200);
	expect(headers.get('etag')).toBe('"1"');
	expect(body).toMatchObject({ id, name: 'Shop' });
});

describe('the list', () => {
	it('comes in pages, the newest first, each destination once', async () => {
		const made: string[] = [];
		for (const environment of ['production', 'staging', 'development']) {
			made.push(await api.create({ environment }));
			made.push(await api.create({ environment, type: 'console', settings: {} }));
		}
		const seen: string[] = [];
		let cursor = '';
		do {
			const { status, body } = await api.call(`GET /destinations?limit=4${cursor}`);
			expect(status).toBe(200);
			seen.push(...(body.items as { id: string }[]).map(({ id }) => id));
			cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`;
		} while (cursor !== '');
		expect(seen).toEqual(made.reverse());
	});

	it('is narrowed by type and environment', async () => {
		await api.create({ environment: 'staging' });
		const id = await api.create({ environment: 'staging', type: 'console', settings: {} });
		await api.create({ type: 'console', settings: {} });
		const { body } = await api.call('GET /destinations?type=console&environment=staging');
		expect(body).toMatchObject({ items: [{ id }], nextCursor: null });
		expect(body.items).toHaveLength(1);
	});
});

describe('a change', () => {
	it('of fields leaves the rest', async () => {
		const id = await api.create();
		const { status, headers, body } = await api.call(`PATCH /destinations/${id}`, { name: 'New' });
		expect(status).toBe(200);
		expect(headers.get('etag')).toBe('"2"');
		expect(body).toMatchObject({ name: 'New', requiredConsent: ['marketing'], version: 2 });
	});

	it('of settings is merged into those that are there, secrets included', async () => {
		const id = await api.create();
		const settings = { enableClientSide: false };
		const { status, body } = await api.call(`PATCH /destinations/${id}`, { settings });
		expect(status).toBe(200);
		expect(body.settings).toMatchObject({ pixelId: pixel.settings.pixelId, ...settings });
		const stored = await storedSettings(id);
		expect(stored).toMatchObject({ ...pixel.settings, ...settings });
	});

	it('of both happens as one', async () => {
		const id = await api.create();
		const refused = await api.call(`PATCH /destinations/${id}`, {
			name: 'New',
			settings: { pixelId: 'no pixel' },
		});
		expect(refused.status).toBe(400);
		expect((await api.call(`GET /destinations/${id}`)).body).toMatchObject({ name: 'Shop' });

		const { status, body } = await api.call(`PATCH /destinations/${id}`, {
			name: 'New',
			settings: { pixelId: '987654321098765' },
		});
		expect(status).toBe(200);
		expect(body).toMatchObject({ name: 'New', settings: { pixelId: '987654321098765' } });
	});
});

it('deletes softly, and restores', async () => {
	const id = await api.create();
	expect((await api.call(`DELETE /destinations/${id}`)).status).toBe(204);
	expect((await api.call(`GET /destinations/${id}`)).status).toBe(404);
	expect((await api.call('GET /destinations')).body).toMatchObject({ items: [] });

	expect((await api.call(`POST /destinations/${id}/restore`)).status).toBe(204);
	const { status, headers, body } = await api.call(`GET /destinations/${id}`);
	expect(status).toBe(200);
	expect(headers.get('etag')).toBe(`"${body.version}"`);
	expect(body).toMatchObject({ id, name: 'Shop', deletedAt: null });
	expect((await storedSettings(id)).accessToken).toBe(pixel.settings.accessToken);
});

describe('a connection test', () => {
	it('says what it found, and the destination keeps it', async () => {
		const id = await api.create({ type: 'console', settings: {} });
		const { status, body } = await api.call(`POST /destinations/${id}/test`);
		expect(status).toBe(200);
		expect(body).toMatchObject({ ok: true, verdict: 'verified', code: 'verified' });
		expect((await api.call(`GET /destinations/${id}`)).body).toMatchObject({
			connectionStatus: 'connected',
		});
	});

	it('calls no host that the service does not allow', async () => {
		const settings = { apiKey: 'phc_test', host: 'https://posthog.example.com' };
		const id = await api.create({ type: 'posthog', settings });
		const { status, body } = await api.call(`POST /destinations/${id}/test`);
		expect(status).toBe(200);
		expect(body).toMatchObject({ ok: false, verdict: 'inconclusive', code: 'host_not_allowed' });
	});
});

it('is healthy as long as it reaches its database, for callers without a token too', async () => {
	const response = await fetch(`${service.url}/health`);
	expect(response.status).toBe(200);
	expect(await response.json()).toEqual({ status: 'ok' });
});

async function storedSettings(id: string): Promise<Record<string, unknown>> {
	const acme = service.db.forOrganization(api.caller.organizationId);
	return { ...(await acme.destinations.findById(id))?.settings };
}
