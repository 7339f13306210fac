import type { z } from 'zod';
import { basicAuth } from './connection-test/basic-auth.ts';
import type { SendRequest } from './connection-test/guarded-request.ts';
import {
	failed,
	inconclusive,
	type Judgement,
	judgementOfStatus,
	refusedKey,
	verified,
} from './connection-test/outcome.ts';
import { defineDestination, sidesVisibility } from './definition.ts';
import { choice, optionalText, printable, sides, text } from './fields.ts';
import { type Rule, settingsSchema } from './rules.ts';

/** The hosts of ingestion, by residency: https://docs.mixpanel.com/reference/overview */
const ingestion = {
	us: 'api.mixpanel.com',
	eu: 'api-eu.mixpanel.com',
	in: 'api-in.mixpanel.com',
};

const rules: readonly Rule[] = [
	{
		kind: 'all-or-none',
		fields: ['projectId', 'serviceAccountUsername', 'serviceAccountSecret'],
		title: 'a service account',
	},
];

const settings = settingsSchema(
	{
		projectToken: text({
			title: 'Project token',
			description: 'In Mixpanel under Settings, Project settings. 32 hexadecimal digits.',
			example: '0123456789abcdef0123456789abcdef',
			pattern: /^[0-9a-f]{32}$/i,
			max: 64,
			expected: 'must be a Mixpanel project token of 32 hexadecimal digits',
			mistakes: [
				[/^\d{5,10}$/, 'a project id'],
				[/\.mp-service-account$/, 'the name of a service account'],
			],
		}),
		dataResidency: choice(['us', 'eu', 'in'], 'us', {
			title: 'Data residency',
			description: 'Where the project keeps its data. Mixpanel drops what is sent elsewhere.',
		}),
		projectId: optionalText({
			title: 'Project ID',
			description: 'Of the project that the service account is for. Digits only.',
			example: '3456789',
			pattern: /^\d+$/,
			max: 20,
			expected: 'must be a Mixpanel project id, digits only',
		}),
		serviceAccountUsername: optionalText({
			title: 'Service account',
			description: 'The user name of a service account with the role Owner or Admin.',
			example: 'import.a1b2c3.mp-service-account',
			// A colon would end the user name in HTTP Basic.
			pattern: /^[!-9;-~]+$/,
			max: 255,
			expected: 'must be the user name of a service account, without spaces and colons',
		}),
		serviceAccountSecret: optionalText({
			title: 'Service account secret',
			description: 'Shown once, when the service account is made.',
			pattern: printable,
			max: 255,
			expected: 'must be the secret of a service account, without spaces',
		}),
		...sides,
	},
	rules,
);

/**
 * Settings of a Mixpanel destination: `projectToken` (32 hexadecimal digits), `dataResidency` (`us`, `eu` or
 * `in`; default `us`), and all or none of a service account's `projectId`, `serviceAccountUsername` and the
 * secret `serviceAccountSecret`.
 */
export type MixpanelSettings = z.output<typeof settings>;

/** Imports an empty list of events: with the token, and with the service account too where there is one. */
async function run(settings: MixpanelSettings, send: SendRequest): Promise<Judgement> {
	const { projectToken, projectId, serviceAccountUsername, serviceAccountSecret } = settings;
	const byToken = await importNothing(settings, send, {
		key: 'the project token',
		authorization: basicAuth(projectToken, ''),
		query: 'strict=1',
	});
	const hasAccount =
		projectId !== undefined &&
		serviceAccountUsername !== undefined &&
		serviceAccountSecret !== undefined;
	if (byToken.verdict !== 'verified' || !hasAccount) return byToken;
	return importNothing(settings, send, {
		key: 'the service account',
		authorization: basicAuth(serviceAccountUsername, serviceAccountSecret),
		query: `strict=1&project_id=${projectId}`,
	});
}

interface Credentials {
	/** For people. */
	readonly key: string;
	readonly authorization: string;
	readonly query: string;
}

/**
 * `/import` looks at the credentials before it looks at the events: at the token's region, and at the account's
 * project, role and region. Not `/track?verbose=1`, which accepts tokens that do not exist, and not `/api/app/me`,
 * which knows nothing of project and role.
 * https://docs.mixpanel.com/reference/import-events
 */
async function importNothing(
	{ dataResidency }: MixpanelSettings,
	send: SendRequest,
	{ key, authorization, query }: Credentials,
): Promise<Judgement> {
	const url = `https://${ingestion[dataResidency]}/import?${query}`;
	const { status } = await send({ method: 'POST', url, authorization, json: [], statusOnly: true });
	switch (status) {
		case 200:
			return verified(`Mixpanel accepted ${key}.`);
		case 400:
			// Not documented for an empty list. It would be about the events, and say nothing of the credentials.
			return inconclusive('rejected', `Mixpanel refused the request without judging ${key}.`);
		case 401:
			return refusedKey('Mixpanel', key);
		case 403:
			// https://docs.mixpanel.com/troubleshooting/errors/403-forbidden
			return failed(
				'permission_missing',
				`Mixpanel knows ${key}, which may not import into the project: it needs the role Owner or Admin there.`,
			);
		default:
			return judgementOfStatus('Mixpanel', status);
	}
}

export const mixpanel = defineDestination({
	title: 'Mixpanel',
	settings,
	rules,
	visibility: {
		projectToken: 'browser',
		// mixpanel-js needs the host of the region, or Mixpanel drops the events.
		dataResidency: 'browser',
		projectId: 'server',
		serviceAccountUsername: 'server',
		serviceAccountSecret: 'secret',
		...sidesVisibility,
	},
	requiredConsent: ['measurement'],
	connectionTest: { hosts: Object.values(ingestion), run },
});
