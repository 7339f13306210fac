import { afterAll, beforeAll, expect, it } from 'vitest';
import { pixel, secret } from './api.ts';
import { database } from './database.ts';
import { type RunningService, startService } from './running-service.ts';

let service: RunningService;

beforeAll(async () => {
	service = await startService(database);
});

afterAll(async () => {
	await service?.stop();
});

it('no secret is in any answer or line of the log, whatever is asked for', async () => {
	const api = await service.api();
	const id = await api.create();
	const one = `/destinations/${id}` as const;
	const wrong = {
		...pixel,
		environment: 'staging',
		settings: { accessToken: secret, token: secret },
	};
	await api.call('GET /destinations');
	await api.call(`GET ${one}`);
	await api.call(`PATCH ${one}`, { settings: { accessToken: `${secret}2` } });
	await api.call(`PATCH ${one}`, { settings: { pixelId: secret } });
	await api.call(`PATCH ${one}`, { name: secret.repeat(9) });
	await api.call(`PATCH ${one}`, { settings: { [secret]: 1 } });
	await api.call('POST /destinations', pixel);
	await api.call('POST /destinations', wrong);
	await api.call('POST /destinations', JSON.stringify(pixel).slice(0, -1));
	await api.call('POST /destinations', JSON.stringify(pixel), { 'content-type': 'text/plain' });
	await api.call(`DELETE ${one}`);
	await api.call(`POST ${one}/restore`);
	await api.call(`GET ${one}`);

	expect(new Set(api.answers.map(({ status }) => status))).toEqual(
		new Set([200, 201, 204, 400, 409, 415]),
	);
	for (const { text, headers } of api.answers) {
		expect(text).not.toContain(secret);
		expect(JSON.stringify([...headers])).not.toContain(secret);
	}
	expect(service.log.length).toBeGreaterThanOrEqual(2 * api.answers.length);
	for (const line of service.log) expect(line).not.toMatch(new RegExp(`${secret}|Bearer`));
	const { settings } = JSON.parse(api.answers.at(-1)?.text ?? '{}');
	expect(settings.accessToken).toBe(`••••••••${secret.slice(-3)}2`);
});
