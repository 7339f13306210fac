/** Tries the pipeline out: with a Postgres, organizations and providers of its own. Nothing of them is left. */
import { writeFile } from 'node:fs/promises';
import {
	createDestinationsClient,
	createDestinationsLoader,
	type DestinationsClient,
} from '@consent-io/destinations';
import { createTestKeys, startTestDatabase } from '@consent-io/destinations/testing';
import { chart, type Handled, quantile } from './chart.ts';
import { editDestinations } from './edits.ts';
import { consume, visitorEvents } from './events.ts';
import { Pipeline } from './pipeline.ts';
import { startReceivers, toReceivers } from './receivers.ts';
import { send } from './send.ts';

const { ORGANIZATIONS = '50', EVENTS_PER_SECOND = '200', SECONDS = '5' } = process.env;
const seconds = Number(SECONDS);

await using database = await startTestDatabase();
await using receivers = await startReceivers();
const keys = createTestKeys();
// Whoever edits destinations, in a process of its own in reality.
await using db = createDestinationsClient({ ...database.logins, keys });
const destinations = (
	await Promise.all(Array.from({ length: Number(ORGANIZATIONS) }, () => newOrganization(db)))
).flat();

await using loader = createDestinationsLoader({
	connectionString: database.logins.loaderConnectionString,
	keys,
});
loader
	.on('status', (status) => print(`The loader is ${status}.`))
	.on('failure', ({ error, destinationId }) => print(`${error.code} ${destinationId ?? ''}`));
await loader.start();

let logged = 0;
let failures = 0;
const pipeline = new Pipeline({
	loader,
	send: (request) => send(toReceivers(receivers.url, request)),
	log: () => {
		logged += 1;
	},
	onFailure: () => {
		failures += 1;
	},
});

const organizationIds = [...new Set(destinations.map(({ organizationId }) => organizationId))];
const handled: Handled[] = [];
const edited = new AbortController();
const editing = editDestinations(db, loader, destinations, edited.signal);
const start = performance.now();
await consume(
	visitorEvents(organizationIds, { perSecond: Number(EVENTS_PER_SECOND), seconds }),
	async (event) => {
		const at = performance.now();
		await pipeline.handle(event);
		handled.push({ at, latency: performance.now() - at });
	},
);
edited.abort();
const edits = await editing;

print(`\n${handled.length} events, ${failures} requests that failed:`);
for (const [host, count] of receivers.counts) print(`  ${host.padEnd(26)} ${count}`);
print(`  ${'the log'.padEnd(26)} ${logged}`);
const of = (values: readonly number[]) =>
	`p50 ${quantile(values, 0.5).toFixed(1)} ms, p99 ${quantile(values, 0.99).toFixed(1)} ms`;
print(`latency of an event:         ${of(handled.map(({ latency }) => latency))}`);
print(`${edits.length} edits, commit to known:  ${of(edits.map(({ freshness }) => freshness))}`);
const { hits, misses, loads, polls } = loader.metrics();
print(`answers from memory: ${hits}, waited: ${misses}, statements: ${loads}, polls: ${polls}`);
await writeFile('latency-and-freshness.svg', chart(start, handled, edits));
print('latency-and-freshness.svg shows both over time.');

/** An organization with a destination of each type. */
async function newOrganization(of: DestinationsClient) {
	const { id: organizationId } = await of.asService().prisma.organization.create({ data: {} });
	const own = of.forOrganization(organizationId).destinations;
	const one = { organizationId, environment: 'production' } as const;
	const hex = '0123456789abcdef'.repeat(2);
	const measurement = { ...one, requiredConsent: ['measurement'] } as const;
	const marketing = { ...one, requiredConsent: ['marketing'] } as const;
	const pixel = { pixelId: '1234567890', accessToken: `EAAB${hex}` };
	const stream = { measurementId: 'G-ABCDEF1234', apiSecret: 'k3Y'.repeat(7) };
	return [
		await own.create({
			...measurement,
			type: 'posthog',
			name: 'x',
			settings: { apiKey: `phc_${hex}` },
		}),
		await own.create({ ...marketing, type: 'meta-pixel', name: 'x', settings: pixel }),
		await own.create({ ...measurement, type: 'google-analytics', name: 'x', settings: stream }),
		await own.create({
			...measurement,
			type: 'mixpanel',
			name: 'x',
			settings: { projectToken: hex },
		}),
		await own.create({ ...measurement, type: 'amplitude', name: 'x', settings: { apiKey: hex } }),
		await own.create({ ...one, type: 'console', name: 'x', settings: {} }),
	];
}

function print(text: string): void {
	process.stdout.write(`${text}\n`);
}
