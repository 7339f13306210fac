import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import {
	AlreadyExistsError,
	ConfigurationError,
	ConflictError,
	createDestinationsClient,
	DecryptionFailedError,
	ForbiddenError,
	httpStatusOf,
	type KeyProvider,
	KeyUnavailableError,
	NotFoundError,
	UnknownKeyError,
	UnsupportedError,
	ValidationError,
} from '@consent-io/destinations';
import { createTestKeys } from '@consent-io/destinations/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { answerTo } from '../src/http-errors.ts';
import { logOptions } from '../src/log.ts';
import { createService } from '../src/service.ts';
import { Api, pixel, secret } from './api.ts';
import { database } from './database.ts';
import { type RunningService, startService } from './running-service.ts';

const keys = createTestKeys();
let service: RunningService;
let api: Api;

beforeAll(async () => {
	service = await startService(database, { keys });
});

beforeEach(async () => {
	await database.reset();
	api = await service.api();
});

afterAll(async () => {
	await service?.stop();
});

describe('what the caller cannot mend', () => {
	it('500: settings that were moved from another destination', async () => {
		const { id } = await createUnopened();
		const { status, body } = await api.call(`GET /destinations/${id}`);
		expect([status, body]).toEqual([500, internal]);
		expect(lastError(service)).toMatchObject({ code: 'DECRYPTION_FAILED' });
	});

	it('500: settings under a key that the service does not have', async () => {
		const id = await api.create();
		const stranger = await startService(database, { keys: createTestKeys() });
		const { status, body } = await (await stranger.api(api.caller)).call(`GET /destinations/${id}`);
		await stranger.stop();
		expect([status, body]).toEqual([500, internal]);
		expect(lastError(stranger)).toMatchObject({ code: 'UNKNOWN_KEY' });
	});

	it('503: a key that is unavailable now', async () => {
		const away: KeyProvider = {
			cacheSeconds: 60,
			primaryKeyId: () => '2026-11',
			getKey: async () => {
				throw new Error(`The key store says: ${secret}`);
			},
		};
		const keyless = await startService(database, { keys: away });
		const { status, headers, body } = await (await keyless.api(api.caller)).call(
			'POST /destinations',
			pixel,
		);
		await keyless.stop();
		expect(status).toBe(503);
		expect(headers.get('retry-after')).toBe('5');
		expect(body).toMatchObject({ error: { code: 'KEY_UNAVAILABLE' } });
		expect(lastError(keyless)).toMatchObject({ code: 'KEY_UNAVAILABLE' });
		expect(keyless.log.join()).not.toContain(secret);
	});

	it('503: a database that is gone', async () => {
		const clone = await database.clone();
		const doomed = await startService(clone, { keys });
		const caller = await doomed.api();
		const id = await caller.create();
		await clone.stop();
		for (const answer of [
			await caller.call('GET /destinations'),
			await caller.call('POST /destinations', pixel),
			await caller.call(`PATCH /destinations/${id}`, { name: 'New', settings: {} }),
			await caller.call(`DELETE /destinations/${id}`),
		]) {
			expect(answer.status).toBe(503);
			expect(answer.body).toMatchObject({ error: { code: 'DATABASE_UNAVAILABLE' } });
		}
		const health = await caller.call('GET /health');
		expect([health.status, health.body]).toEqual([503, { status: 'unavailable' }]);
		await doomed.stop();
	});

	it('503: a server that takes connections and says nothing', async () => {
		const silent = createServer().listen(0, '127.0.0.1');
		await once(silent, 'listening');
		const url = new URL(database.logins.connectionString);
		url.port = String((silent.address() as AddressInfo).port);
		const waiting = await startService(database, {
			keys,
			connectionString: url.href,
			pool: { connectionTimeoutMillis: 200 },
		});
		const { status, body } = await (await waiting.api(api.caller)).call('GET /destinations');
		await waiting.stop();
		silent.close();
		expect(status).toBe(503);
		expect(body).toMatchObject({ error: { code: 'DATABASE_UNAVAILABLE' } });
	});

	it('500: what nobody thought of, without a word of it in answer or log', async () => {
		const log: string[] = [];
		const app = createService({
			db: createDestinationsClient({ ...database.logins, keys }),
			authenticate: () => Promise.reject(new TypeError(`Cannot read ${secret}`)),
			logger: logOptions('trace', { write: (line: string) => void log.push(line) }),
		});
		const url = await app.listen({ host: '127.0.0.1', port: 0 });
		const { status, body } = await new Api(url, api.caller, 'x').call('GET /destinations');
		await app.close();
		expect([status, body]).toEqual([500, internal]);
		expect(lastError({ log })).toMatchObject({
			type: 'TypeError',
			stack: expect.stringContaining('failures.test.ts'),
		});
		expect(log.join()).not.toContain(secret);
	});
});

describe('a destination whose settings do not open', () => {
	it('stands in the list, marked, and the others as usual', async () => {
		const { id, other } = await createUnopened();
		const { status, body } = await api.call('GET /destinations');
		expect(status).toBe(200);
		expect(body.items).toEqual([
			expect.objectContaining({
				id: other,
				settings: expect.objectContaining({ pixelId: pixel.settings.pixelId }),
			}),
			expect.objectContaining({ id, settings: null, settingsError: 'DECRYPTION_FAILED' }),
		]);
		expect((body.items as object[])[0]).not.toHaveProperty('settingsError');
	});

	it('can be switched off, deleted and restored', async () => {
		const { id } = await createUnopened();
		const changed = await api.call(`PATCH /destinations/${id}`, { enabled: false });
		expect(changed).toMatchObject({
			status: 200,
			body: { enabled: false, settings: null, settingsError: 'DECRYPTION_FAILED' },
		});
		expect((await api.call(`DELETE /destinations/${id}`)).status).toBe(204);
		expect((await api.call(`POST /destinations/${id}/restore`)).status).toBe(204);
		const { body } = await api.call('GET /destinations');
		expect(body.items).toContainEqual(expect.objectContaining({ id, enabled: false }));
	});
});

/** A destination with the settings of another one, which are not sealed to it. */
async function createUnopened(): Promise<{ readonly id: string; readonly other: string }> {
	const [id, other] = [await api.create(), await api.create({ environment: 'staging' })];
	await service.db.asService().prisma.$executeRaw`
		UPDATE destinations SET settings = (SELECT settings FROM destinations WHERE id = ${other}::uuid)
		WHERE id = ${id}::uuid`;
	return { id, other };
}

describe('every code of the package', () => {
	it.each([
		[new ValidationError([{ path: ['name'], message: 'must not be blank' }]), 400],
		[new ForbiddenError('said'), 403],
		[new NotFoundError('said'), 404],
		[new AlreadyExistsError('said'), 409],
		[new ConflictError('said', { currentVersion: 7 }), 409],
		[new DecryptionFailedError('kept'), 500],
		[new UnknownKeyError('kept'), 500],
		[new UnsupportedError('kept'), 500],
		[new ConfigurationError('kept'), 500],
		[new KeyUnavailableError('kept'), 503],
	])('%s is %i', (error, status) => {
		const answer = answerTo(error);
		expect(answer.status).toBe(status);
		expect(httpStatusOf(error)).toBe(status);
		expect(JSON.stringify(answer)).not.toContain('kept');
		if (status < 500)
			expect(answer.error).toMatchObject({ code: error.code, message: error.message });
	});
});

const internal = { error: { code: 'INTERNAL', message: expect.any(String) } };

/** What the service logged of its last failure. */
function lastError({ log }: { readonly log: readonly string[] }): unknown {
	const lines: { err?: unknown }[] = log.map((line) => JSON.parse(line));
	return lines.findLast(({ err }) => err !== undefined)?.err;
}
