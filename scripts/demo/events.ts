/** The end of the demo: events go where their consent allows, from memory, while somebody throws a switch. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { styleText } from 'node:util';
import type { Client } from 'pg';
import {
	type ConsentPurpose,
	createDestinationsLoader,
	type DestinationsClient,
	type DestinationsLoader,
	destinationsFor,
} from '../../src/index.ts';
import { withLogin } from '../../src/testing/databases.ts';
import { print, title } from './printing.ts';

export interface Shop {
	readonly connectionString: string;
	readonly admin: Client;
	readonly db: DestinationsClient;
	readonly keys: string;
	/** Has no destinations yet. */
	readonly organizationId: string;
}

export async function showEvents(shop: Shop): Promise<void> {
	const { admin, connectionString, db, keys, organizationId } = shop;
	const { destinations } = db.forOrganization(organizationId);
	const one = { organizationId, name: 'Shop' };
	const settings = { apiKey: 'phc_aDemoKeyThatIsSentNowhere0000000000000' };
	const pixel = { pixelId: '1234567890', accessToken: 'EAABaDemoTokenThatIsSentNowhere' };
	const posthog = await destinations.create({
		...{ ...one, type: 'posthog', settings, requiredConsent: ['measurement'] },
	});
	await destinations.create({
		...{ ...one, type: 'meta-pixel', settings: pixel, requiredConsent: ['marketing'] },
	});
	await destinations.create({ ...one, type: 'console', settings: {} });

	// Logins belong to the whole server, so this one goes again.
	const [login, password] = ['login', 'password'].map(() => `d${randomBytes(8).toString('hex')}`);
	await admin.query(`CREATE ROLE ${login} LOGIN NOINHERIT PASSWORD '${password}'`);
	try {
		await admin.query(`GRANT destinations_loader TO ${login}`);
		await using loader = createDestinationsLoader({
			connectionString: withLogin(connectionString, login ?? '', password ?? ''),
			keys,
		});
		await loader.start();
		await using provider = await startProvider();
		const visit = (consent: ConsentPurpose[]) =>
			sendEvent(loader, provider.url, organizationId, consent);

		title('An event, of a visitor who allows measurement and no marketing');
		await visit(['measurement']);

		title('Somebody switches PostHog off; the loader knows within its interval');
		const isOn = async () =>
			(await loader.findEnabled(organizationId, 'production')).some(({ id }) => id === posthog.id);
		await destinations.update(posthog.id, { enabled: false });
		const start = performance.now();
		while (await isOn()) await delay(1);
		print(`   known after ${(performance.now() - start).toFixed(0)} ms`);

		title('The next event of the same visitor');
		await visit(['measurement']);
	} finally {
		await admin.query(`DROP ROLE ${login}`);
	}
}

async function sendEvent(
	loader: DestinationsLoader,
	url: string,
	organizationId: string,
	consent: readonly ConsentPurpose[],
): Promise<void> {
	const found = await loader.findEnabled(organizationId, 'production');
	const enabled = found.filter(({ settings }) => settings.enableServerSide);
	const allowed = destinationsFor(enabled, consent);
	for (const { type, requiredConsent } of enabled) {
		const reason = `${styleText('yellow', 'kept from')} ${type}: it requires ${requiredConsent.join(', ')}`;
		if (!allowed.some((destination) => destination.type === type)) print(`   ${reason}`);
	}
	for (const { type } of allowed) {
		const response = await fetch(`${url}/${type}`, { method: 'POST', body: '{"event":"visit"}' });
		print(`   ${await response.text()}`);
	}
}

/** A server of this machine that stands for the providers. */
async function startProvider(): Promise<{ readonly url: string } & AsyncDisposable> {
	const server = createServer((request, response) => {
		response.end(`${styleText('green', 'reached')} ${request.url?.slice(1)}`);
	}).listen(0, '127.0.0.1');
	await once(server, 'listening');
	const address = server.address();
	if (address === null || typeof address === 'string') throw new Error('The server has no port');
	return {
		url: `http://127.0.0.1:${address.port}`,
		[Symbol.asyncDispose]: async () => {
			server.close();
			server.closeAllConnections();
			await once(server, 'close');
		},
	};
}
