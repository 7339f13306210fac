import type { ClientConfig } from '../../src/destinations/client-config.ts';
import { toClientConfig } from '../../src/destinations/client-config.ts';
import type {
	CreateDestinationInput,
	Destination,
	DestinationOf,
	UpdateDestinationInput,
} from '../../src/destinations/destination.ts';
import type { MetaPixelSettings } from '../../src/destinations/meta-pixel.ts';
import type { PostHogSettings } from '../../src/destinations/posthog.ts';
import { redact } from '../../src/destinations/redact.ts';
import type {
	DestinationType,
	SettingsInputOf,
	SettingsOf,
} from '../../src/destinations/registry.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { validateCreate } from '../../src/destinations/validate.ts';
import {
	ConnectionStatus,
	ConsentPurpose,
	Environment,
} from '../../src/destinations/vocabulary.ts';
import type { DestinationsErrorCode } from '../../src/errors.ts';
import { destinationOf, samples } from './support/samples.ts';

type Same<A, B> =
	(<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only if the two types are the same; `npm run types` is what runs it. */
function same<A, B>(_: Same<A, B>): void {}

/** The types of the ticket, word for word. */
interface TicketPostHogSettings {
	apiKey: string;
	host?: string;
	enableServerSide: boolean;
	enableClientSide: boolean;
}
interface TicketMetaPixelSettings {
	pixelId: string;
	accessToken: string;
	testEventCode?: string;
	apiVersion?: string;
	enableServerSide: boolean;
	enableClientSide: boolean;
}
interface TicketGoogleAnalyticsSettings {
	measurementId: string;
	apiSecret: string;
	enableServerSide: boolean;
	enableClientSide: boolean;
	enableEnhancedMeasurement: boolean;
	anonymizeIp: boolean;
}

/** Settings of a destination that sends from the server. */
type WithSecret<S, Name extends keyof S> = {
	[K in keyof S as K]-?: K extends Name ? Exclude<S[K], undefined> : S[K];
};

it('has the types of the ticket', () => {
	same<
		DestinationType,
		'posthog' | 'meta-pixel' | 'google-analytics' | 'console' | 'mixpanel' | 'amplitude'
	>(true);
	same<Environment, 'development' | 'staging' | 'production'>(true);
	same<ConnectionStatus, 'connected' | 'failed' | 'unknown' | 'testing'>(true);
	same<ConsentPurpose, 'necessary' | 'measurement' | 'marketing' | 'functionality' | 'experience'>(
		true,
	);
	same<Omit<PostHogSettings, 'uiHost'>, Required<TicketPostHogSettings>>(true);
	same<SettingsOf<'posthog'>, PostHogSettings>(true);
	// Where only browsers send, there need be no secret.
	same<WithSecret<SettingsOf<'google-analytics'>, 'apiSecret'>, TicketGoogleAnalyticsSettings>(
		true,
	);
	same<MetaPixelSettings['accessToken'], string | undefined>(true);

	const asTicket = (settings: PostHogSettings): TicketPostHogSettings => settings;
	expect(asTicket).toBeDefined();
	// What the ticket's settings type holds can be given.
	same<TicketPostHogSettings extends SettingsInputOf<'posthog'> ? true : false, true>(true);
	same<TicketMetaPixelSettings extends SettingsInputOf<'meta-pixel'> ? true : false, true>(true);
	same<
		TicketGoogleAnalyticsSettings extends SettingsInputOf<'google-analytics'> ? true : false,
		true
	>(true);
});

it('holds the words of the ticket', () => {
	expect(destinationTypes).toEqual([
		'posthog',
		'meta-pixel',
		'google-analytics',
		'console',
		'mixpanel',
		'amplitude',
	]);
	expect(Object.values(Environment)).toEqual(['development', 'staging', 'production']);
	expect(Object.values(ConnectionStatus)).toEqual(['connected', 'failed', 'unknown', 'testing']);
	expect(Object.values(ConsentPurpose)).toHaveLength(5);
});

it('tells destinations apart by type', () => {
	const destination: Destination = destinationOf('posthog', samples.posthog);
	if (destination.type === 'posthog') {
		same<typeof destination, DestinationOf<'posthog'>>(true);
		expect(destination.settings.host satisfies string).toBe('https://eu.i.posthog.com');
	}
	const config: ClientConfig | null = toClientConfig(destination);
	if (config?.type === 'mixpanel') {
		same<(typeof config)['settings'], { projectToken: string; dataResidency: 'us' | 'eu' | 'in' }>(
			true,
		);
	}
	const redacted = redact(destination);
	if (redacted.type === 'meta-pixel') {
		// A masked secret is not to be mistaken for one.
		same<(typeof redacted)['settings'], Record<string, unknown> | null>(true);
		if (redacted.settings === null) {
			same<(typeof redacted)['settingsError'], DestinationsErrorCode>(true);
		} else {
			same<(typeof redacted)['settings'], Record<string, unknown>>(true);
			same<(typeof redacted)['settingsError'], undefined>(true);
		}
	}
	const created = validateCreate({
		organizationId: destination.organizationId,
		type: 'console',
		name: 'Log',
		settings: {},
	});
	if (created.type === 'console') {
		same<(typeof created)['settings'], SettingsOf<'console'>>(true);
	}
});

it('refuses the wrong settings at compile time', () => {
	const organizationId = '018f0000-0000-7000-8000-00000000000a';
	const inputs: CreateDestinationInput[] = [
		{ organizationId, type: 'posthog', name: 'a', settings: { apiKey: 'phc_a' } },
		// @ts-expect-error settings of another type
		{ organizationId, type: 'posthog', name: 'a', settings: { pixelId: '12345' } },
		// @ts-expect-error no settings
		{ organizationId, type: 'console', name: 'a' },
		// @ts-expect-error an id is not for the caller to choose
		{ organizationId, type: 'console', name: 'a', settings: {}, id: organizationId },
	];
	const updates: UpdateDestinationInput<'posthog'>[] = [
		{ name: 'b', description: null, settings: { apiKey: 'phc_a' } },
		// @ts-expect-error the type never changes
		{ type: 'console' },
		// @ts-expect-error settings of another type
		{ settings: { pixelId: '12345', accessToken: 'x' } },
	];
	expect(inputs.length + updates.length).toBe(7);
});
