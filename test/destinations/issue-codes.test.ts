import {
	validateCreate,
	validateSettings,
	validateUpdate,
} from '../../src/destinations/validate.ts';
import { ValidationError, type ValidationIssue } from '../../src/errors.ts';
import { samples } from './support/samples.ts';

function issueOf(run: () => unknown): Partial<ValidationIssue> {
	try {
		run();
	} catch (error) {
		if (!(error instanceof ValidationError)) throw error;
		const [{ path, message: _, ...issue } = { path: [], message: '' }, ...others] = error.issues;
		expect(others).toEqual([]);
		return issue;
	}
	throw new Error('nothing was wrong');
}

const create = {
	organizationId: '018f0000-0000-7000-8000-00000000000a',
	type: 'posthog',
	name: 'Shop',
	settings: samples.posthog,
};
const posthog = (settings: object) => () =>
	validateSettings('posthog', { ...samples.posthog, ...settings });
const pixel = (settings: object) => () =>
	validateSettings('meta-pixel', { ...samples['meta-pixel'], ...settings });
const created = (fields: object) => () => validateCreate({ ...create, ...fields });

it.each<[string, () => unknown, Partial<ValidationIssue>]>([
	['nothing', posthog({ apiKey: '' }), { code: 'required' }],
	['null', created({ name: null }), { code: 'required' }],
	['a number', posthog({ apiKey: 5 }), { code: 'wrong_type', params: { expected: 'string' } }],
	['a text', created({ enabled: 'x' }), { code: 'wrong_type', params: { expected: 'boolean' } }],
	['another format', posthog({ apiKey: 'a b' }), { code: 'wrong_format' }],
	['no URL', posthog({ host: 'x' }), { code: 'wrong_format' }],
	[
		'too much',
		posthog({ apiKey: `phc_${'a'.repeat(99)}` }),
		{ code: 'too_long', params: { maximum: 64 } },
	],
	[
		'another key',
		posthog({ apiKey: 'phx_a' }),
		{ code: 'wrong_value', params: { is: 'a personal API key (phx_)' } },
	],
	['a URL', pixel({ accessToken: 'https://x' }), { code: 'wrong_value', params: { is: 'a URL' } }],
	['a mask', pixel({ accessToken: '••••••••abcd' }), { code: 'masked' }],
	[
		'no token',
		pixel({ accessToken: null }),
		{ code: 'required', params: { when: 'enableServerSide' } },
	],
	[
		'an unknown environment',
		created({ environment: 'x' }),
		{ code: 'not_in_list', params: { allowed: ['development', 'staging', 'production'] } },
	],
	[
		'a local host',
		created({ settings: { ...samples.posthog, host: 'http://localhost' } }),
		{ code: 'development_only' },
	],
	['a class', created({ settings: new Map() }), { code: 'not_valid' }],
	[
		'a fixed field',
		() => validateUpdate('posthog', { type: 'console' }),
		{ code: 'never_changes' },
	],
])('says by a code what is wrong with %s', (_name, run, issue) => {
	expect(issueOf(run)).toEqual(issue);
});

it('lists the fields that there are', () => {
	expect(issueOf(posthog({ colour: 'red' }))).toMatchObject({
		code: 'unknown_field',
		params: { allowed: ['apiKey', 'host', 'uiHost', 'enableServerSide', 'enableClientSide'] },
	});
});

it('goes into the JSON of the error', () => {
	const error = new ValidationError([{ path: ['x'], message: 'y' }]);
	expect(JSON.parse(JSON.stringify(error)).issues).toEqual([
		{ path: ['x'], code: 'not_valid', message: 'y' },
	]);
});
