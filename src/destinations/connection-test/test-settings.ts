import { once } from 'node:events';
import { z } from 'zod';
import { ConfigurationError, ValidationError } from '../../errors.ts';
import { abortSignal } from '../../input/checks.ts';
import { checkOptions, type OptionSchemas, optionsOf } from '../../input/options.ts';
import { parseHttpsOrigin } from '../https-origin.ts';
import { MASK } from '../mask.ts';
import { connectionTestOf, type DestinationType, type SettingsOf } from '../registry.ts';
import { validateSettings } from '../validate.ts';
import { guardedRequest } from './guarded-request.ts';
import { internet, type Network } from './network.ts';
import { type ConnectionTestOutcome, failed, type Judgement } from './outcome.ts';
import { RequestFailure } from './request-failure.ts';

const MAX_MESSAGE_LENGTH = 500;

/** Options of a connection test. */
export interface TestSettingsOptions {
	/**
	 * Hosts that settings may name in addition to those of PostHog Cloud, for self-hosted PostHog: `posthog.example.com`, or
	 * `posthog.example.com:8443` for a port other than 443. Each must resolve to public addresses only. Set it for the
	 * deployment; never fill it from a tenant's input.
	 *
	 * @defaultValue `[]`
	 */
	readonly allowedHosts?: readonly string[] | undefined;
	/** Cancels the test. @defaultValue `undefined` */
	readonly signal?: AbortSignal | undefined;
}

const testOptions = optionsOf({
	allowedHosts: z.custom<readonly string[]>().default([]),
	signal: abortSignal.optional(),
} satisfies OptionSchemas<TestSettingsOptions>);

/**
 * Tests whether the provider accepts settings, which need not be saved. The test leaves no event at the provider.
 *
 * A test takes at most 10 seconds, and reads at most 64 KiB of each answer. Whatever the provider and the network do, the
 * promise resolves to an outcome. Settings that are not valid have the verdict `failed` and the code `invalid_settings`,
 * and nothing is sent.
 *
 * @throws The reason of `signal`, once it is aborted.
 * @throws ConfigurationError if `allowedHosts` holds anything but host names.
 * @example
 * ```ts
 * import { testSettings } from '@consent-io/destinations';
 *
 * const outcome = await testSettings('posthog', { apiKey: 'phc_example' });
 * if (!outcome.ok) console.error(outcome.message);
 * ```
 */
export function testSettings(
	type: DestinationType,
	settings: unknown,
	options: TestSettingsOptions = {},
): Promise<ConnectionTestOutcome> {
	return testSettingsOn(internet, type, settings, options);
}

/** {@link testSettings} on another network. Internal, for the tests of this package. */
export async function testSettingsOn(
	network: Network,
	type: DestinationType,
	settings: unknown,
	options: TestSettingsOptions = {},
): Promise<ConnectionTestOutcome> {
	const startedAt = performance.now();
	const { allowedHosts, signal } = checkOptions(testOptions, options);
	const extraHosts = parseAllowedHosts(allowedHosts);
	signal?.throwIfAborted();
	const judgement = await judgementFor(network, type, settings, extraHosts, signal);
	signal?.throwIfAborted();
	return {
		ok: judgement.verdict === 'verified' || judgement.verdict === 'partial',
		verdict: judgement.verdict,
		code: judgement.code,
		message: judgement.message,
		durationMs: Math.round(performance.now() - startedAt),
	};
}

async function judgementFor<T extends DestinationType>(
	network: Network,
	type: T,
	unchecked: unknown,
	extraHosts: readonly string[],
	signal: AbortSignal | undefined,
): Promise<Judgement> {
	let settings: SettingsOf<T>;
	try {
		settings = validateSettings(type, unchecked);
	} catch (error) {
		if (error instanceof ValidationError) {
			return failed('invalid_settings', cleaned(error.message, {}));
		}
		throw error;
	}
	const test = connectionTestOf(type);
	const hosts = new Set([...test.hosts, ...extraHosts]);
	const judgement = await withDeadline(network.timeLimitMs, signal, (deadline) =>
		test.run(settings, (request) => guardedRequest(request, { network, hosts, signal: deadline })),
	);
	return { ...judgement, message: cleaned(judgement.message, settings) };
}

/** Runs a test until it is done, its time is up, or the caller has had enough. */
async function withDeadline(
	timeLimitMs: number,
	signal: AbortSignal | undefined,
	run: (signal: AbortSignal) => Promise<Judgement>,
): Promise<Judgement> {
	const timeout = new RequestFailure('timeout').judgement;
	const controller = new AbortController();
	// Not AbortSignal.any and AbortSignal.timeout: this leaves nothing behind on a caller's long-lived signal.
	const abort = () => controller.abort();
	const timer = setTimeout(abort, timeLimitMs);
	signal?.addEventListener('abort', abort, { once: true });
	try {
		// The race keeps to the limit even if a request should not notice that it was aborted.
		const aborted = once(controller.signal, 'abort').then(() => timeout);
		return await Promise.race([run(controller.signal), aborted]);
	} catch (error) {
		if (error instanceof RequestFailure) {
			return controller.signal.aborted ? timeout : error.judgement;
		}
		throw error;
	} finally {
		clearTimeout(timer);
		signal?.removeEventListener('abort', abort);
	}
}

/**
 * A message as it may be stored and shown. Only text of providers with fixed hosts gets here at all; should one
 * of them repeat a setting in it, that is masked.
 */
function cleaned(message: string, settings: Readonly<Record<string, unknown>>): string {
	const values = Object.values(settings)
		.filter((value) => typeof value === 'string')
		// Shorter ones are `us`, `v25.0` and the like, which are not secrets.
		.filter((value) => value.length >= 6)
		// Longest first, so that no value is cut up by one that it contains.
		.sort((a, b) => b.length - a.length);
	let text = message;
	for (const value of values) {
		text = text.replaceAll(value, MASK).replaceAll(encodeURIComponent(value), MASK);
	}
	// Control characters and lone surrogates could not be stored, or would forge lines of a log.
	return text.slice(0, MAX_MESSAGE_LENGTH).replace(/[\p{Cc}\p{Cs}]/gu, ' ');
}

/**
 * The hosts that a deployment allows, as {@link hostKey} writes them.
 *
 * @throws ConfigurationError for anything but a list of host names.
 */
export function parseAllowedHosts(entries: unknown): string[] {
	if (!Array.isArray(entries)) {
		throw new ConfigurationError('allowedHosts must be a list of hosts.');
	}
	// `map` would pass over holes.
	return Array.from(entries, allowedHost);
}

function allowedHost(entry: unknown): string {
	// No wildcards: a host that a tenant can point anywhere must be one that the deployment has named.
	const origin =
		typeof entry === 'string' && !/[\s/\\]/.test(entry)
			? parseHttpsOrigin(`https://${entry}`)
			: undefined;
	if (origin === undefined) {
		throw new ConfigurationError(
			'allowedHosts takes names of public hosts such as posthog.example.com, with a port if need be, without scheme, path and wildcards.',
		);
	}
	return origin.slice('https://'.length);
}
