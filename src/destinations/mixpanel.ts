import { z } from 'zod';
import { basicAuth } from './connection-test/basic-auth.ts';
import type { SendRequest } from './connection-test/guarded-request.ts';
import {
	type Finding,
	findingOfStatus,
	inconclusive,
	refusedKey,
	verified,
} from './connection-test/outcome.ts';
import { defineDestination, sidesVisibility } from './definition.ts';
import { choice, printable, sides, text } from './fields.ts';

/** https://docs.mixpanel.com/reference/overview: the hosts of the app and of ingestion, by residency. */
const regions = {
	us: { app: 'mixpanel.com', ingestion: 'api.mixpanel.com' },
	eu: { app: 'eu.mixpanel.com', ingestion: 'api-eu.mixpanel.com' },
	in: { app: 'in.mixpanel.com', ingestion: 'api-in.mixpanel.com' },
};

const serviceAccount = ['projectId', 'serviceAccountUsername', 'serviceAccountSecret'] as const;

const settings = z
	.strictObject({
		projectToken: text({
			pattern: /^[0-9a-f]{32}$/i,
			max: 64,
			expected: 'must be a Mixpanel project token of 32 hexadecimal digits',
			mistakes: [
				[/^\d{5,10}$/, 'a project id'],
				[/\.mp-service-account$/, 'the name of a service account'],
			],
		}),
		dataResidency: choice(['us', 'eu', 'in']).default('us'),
		projectId: text({
			pattern: /^\d+$/,
			max: 20,
			expected: 'must be a Mixpanel project id, digits only',
		}).optional(),
		serviceAccountUsername: text({
			// A colon would end the user name in HTTP Basic.
			pattern: /^[!-9;-~]+$/,
			max: 255,
			expected: 'must be the user name of a service account, without spaces and colons',
		}).optional(),
		serviceAccountSecret: text({
			pattern: printable,
			max: 255,
			expected: 'must be the secret of a service account, without spaces',
		}).optional(),
		...sides,
	})
	.superRefine((value, context) => {
		const missing = serviceAccount.filter((field) => value[field] === undefined);
		if (missing.length > 0 && missing.length < serviceAccount.length) {
			for (const field of missing) {
				const message = `is required with a service account: give all or none of ${serviceAccount.join(', ')}`;
				context.addIssue({ code: 'custom', path: [field], message });
			}
		}
	});

/**
 * Settings of a Mixpanel destination: `projectToken` (32 hexadecimal digits), `dataResidency` (`us`, `eu` or
 * `in`; default `us`), and all or none of a service account's `projectId`, `serviceAccountUsername` and the
 * secret `serviceAccountSecret`.
 */
export type MixpanelSettings = z.output<typeof settings>;

/** Signs in with the service account, or else imports an empty list of events. */
async function run(settings: MixpanelSettings, send: SendRequest): Promise<Finding> {
	const { serviceAccountUsername, serviceAccountSecret } = settings;
	return serviceAccountUsername !== undefined && serviceAccountSecret !== undefined
		? signIn(settings, basicAuth(serviceAccountUsername, serviceAccountSecret), send)
		: importNothing(settings, send);
}

/** https://developer.mixpanel.com/reference/service-accounts */
async function signIn(
	{ dataResidency }: MixpanelSettings,
	authorization: string,
	send: SendRequest,
): Promise<Finding> {
	const url = `https://${regions[dataResidency].app}/api/app/me`;
	// The body lists every project that the account can see, which may be more than is ever read.
	const { status } = await send({ method: 'GET', url, authorization, statusOnly: true });
	return status === 200
		? verified('Mixpanel accepted the service account.')
		: refusal(status, 'the service account');
}

/**
 * Not `/track?verbose=1`, which accepts tokens that do not exist.
 * https://docs.mixpanel.com/troubleshooting/errors/401-unauthorized
 */
async function importNothing(
	{ dataResidency, projectToken }: MixpanelSettings,
	send: SendRequest,
): Promise<Finding> {
	const { status } = await send({
		method: 'POST',
		url: `https://${regions[dataResidency].ingestion}/import?strict=1`,
		authorization: basicAuth(projectToken, ''),
		json: [],
	});
	if (status === 200) {
		return verified('Mixpanel accepted the project token.');
	}
	if (status === 400) {
		// Not documented for an empty list. It would be about the events, and say nothing of the token.
		return inconclusive('rejected', 'Mixpanel refused the request without judging the token.');
	}
	return refusal(status, 'the project token');
}

function refusal(status: number, key: string): Finding {
	return status === 401 ? refusedKey('Mixpanel', key) : findingOfStatus('Mixpanel', status);
}

export const mixpanel = defineDestination({
	settings,
	visibility: {
		projectToken: 'browser',
		dataResidency: 'server',
		projectId: 'server',
		serviceAccountUsername: 'server',
		serviceAccountSecret: 'secret',
		...sidesVisibility,
	},
	connectionTest: {
		hosts: Object.values(regions).flatMap(({ app, ingestion }) => [app, ingestion]),
		run,
	},
});
