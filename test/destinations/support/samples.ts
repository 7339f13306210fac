import type { Destination } from '../../../src/destinations/destination.ts';
import type { DestinationType, SettingsInputOf } from '../../../src/destinations/registry.ts';

/** Valid settings of each type, complete with every optional field. The secrets are made up. */
export const samples = {
	posthog: { apiKey: 'phc_Q9sX4kT1vLm8RzB2', host: 'https://eu.i.posthog.com' },
	'meta-pixel': {
		pixelId: '1234567890',
		accessToken: 'EAAMadeUpTokenForTests0123456789abcdefXYZ',
		testEventCode: 'TEST12345',
		apiVersion: 'v25.0',
	},
	'google-analytics': {
		measurementId: 'G-ABC123DEF4',
		apiSecret: 'madeUpSecret_012345kWvTq',
		enableEnhancedMeasurement: false,
		anonymizeIp: false,
	},
	console: { logLevel: 'warn', prettyPrint: true },
	mixpanel: {
		projectToken: '0123456789abcdef0123456789abcdef',
		dataResidency: 'eu',
		projectId: '3456789',
		serviceAccountUsername: 'tests.a1b2c3.mp-service-account',
		serviceAccountSecret: 'madeUpServiceAccountSecretPzRmLb',
	},
	amplitude: {
		apiKey: 'fedcba9876543210fedcba9876543210',
		secretKey: '89abcdef0123456789abcdef0badcafe',
		dataResidency: 'eu',
	},
} as const satisfies { [T in DestinationType]: SettingsInputOf<T> };

/** Every value in the samples that no browser, list, log or error may show. */
export const sampleSecrets: readonly string[] = [
	samples['meta-pixel'].accessToken,
	samples['google-analytics'].apiSecret,
	samples.mixpanel.serviceAccountSecret,
	samples.amplitude.secretKey,
];

/** A destination row as the repository gives it. */
export function destinationOf<T extends DestinationType>(
	type: T,
	settings: object,
	changes: Partial<Destination> = {},
): Destination {
	const destination = {
		id: '018f0000-0000-7000-8000-000000000001',
		organizationId: '018f0000-0000-7000-8000-00000000000a',
		type,
		name: 'Main',
		description: null,
		environment: 'production',
		settings: { enableServerSide: true, enableClientSide: true, ...settings },
		settingsEncrypted: true,
		requiredConsent: ['measurement'],
		enabled: true,
		testMode: false,
		lastTestedAt: null,
		connectionStatus: 'unknown',
		lastError: null,
		deletedAt: null,
		createdAt: new Date(0),
		updatedAt: new Date(0),
		createdBy: null,
		updatedBy: null,
		version: 1,
		...changes,
	};
	// Tests pass broken settings too, as an old row may have them.
	return destination as unknown as Destination;
}
