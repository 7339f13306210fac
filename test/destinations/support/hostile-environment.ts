/**
 * A process of its own, because Node reads these variables outside of what Jest gives a test: started with a
 * proxy, with certificate checks switched off, and without `eval`. Prints what two connection tests found.
 */
import { testSettingsOn } from '../../../src/destinations/connection-test/test-settings.ts';
import { respond, startProvider, stopProviders } from './local-provider.ts';
import { samples } from './samples.ts';

async function main(): Promise<void> {
	const good = respond(200, { flags: {} });
	const trusted = await startProvider(good);
	const distrusted = await startProvider(good, { distrusted: true });
	const codes: string[] = [];
	for (const { network } of [trusted, distrusted]) {
		codes.push((await testSettingsOn(network, 'posthog', samples.posthog)).code);
	}
	await stopProviders();
	process.stdout.write(JSON.stringify({ codes, requests: distrusted.received.length }));
}

void main();
