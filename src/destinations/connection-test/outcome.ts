import type { ConnectionStatus } from '../vocabulary.ts';

/**
 * How much a connection test proved.
 * - `verified`: the provider accepted the credentials
 * - `partial`: the provider accepted the request, but does not check every credential here
 * - `inconclusive`: no usable answer (time-out, network, 429, 5xx); the settings may be right
 * - `failed`: the provider, or this package, refused the settings
 */
export type ConnectionVerdict = 'verified' | 'partial' | 'inconclusive' | 'failed';

/** Why a connection test had its result. Codes are stable; messages are not. */
export type ConnectionTestCode =
	| 'verified'
	| 'accepted'
	| 'invalid_settings'
	| 'invalid_credentials'
	| 'not_visible'
	| 'permission_missing'
	| 'rejected'
	/** The settings have nothing that a provider could check, such as those of a pixel that only a browser uses. */
	| 'nothing_to_test'
	| 'unexpected_response'
	| 'redirected'
	| 'response_too_large'
	| 'host_not_allowed'
	| 'address_not_allowed'
	| 'host_not_found'
	| 'tls_failed'
	| 'connection_failed'
	| 'timeout'
	| 'rate_limited'
	| 'provider_unavailable'
	/** For saved destinations: the settings changed while they were tested. */
	| 'settings_changed'
	/** For saved destinations: another process was testing it; this is the result of that test. */
	| 'tested_by_another';

/** What a test found, without the time it took. */
export interface Judgement {
	/** How much the test proved. */
	readonly verdict: ConnectionVerdict;
	/** Why the test had this result. */
	readonly code: ConnectionTestCode;
	/** For people; never a secret, and never text that a custom host sent. */
	readonly message: string;
}

/** The result of one connection test. */
export interface ConnectionTestOutcome extends Judgement {
	/** Whether the destination can be used: true if the verdict is `verified` or `partial`. */
	readonly ok: boolean;
	/** What the test found, for people, at most 500 characters. Never a secret, and never text that a custom host sent. */
	readonly message: string;
	/** Duration of the whole test, in milliseconds. */
	readonly durationMs: number;
}

export function verified(message: string): Judgement {
	return { verdict: 'verified', code: 'verified', message };
}

export function partial(message: string): Judgement {
	return { verdict: 'partial', code: 'accepted', message };
}

export function failed(code: ConnectionTestCode, message: string): Judgement {
	return { verdict: 'failed', code, message };
}

export function inconclusive(code: ConnectionTestCode, message: string): Judgement {
	return { verdict: 'inconclusive', code, message };
}

/** For keys that a provider with data regions does not take: it knows only the keys of its own region. */
export function refusedKey(provider: string, key: string): Judgement {
	return failed(
		'invalid_credentials',
		`${provider} refused ${key}: it is wrong, or the project is in another region.`,
	);
}

/** The judgement for a status that has no meaning of its own for any provider, in `provider`'s name. */
export function judgementOfStatus(provider: string, status: number): Judgement {
	if (status === 429) {
		return inconclusive('rate_limited', `${provider} is limiting requests; try again later.`);
	}
	if (status === 408 || status >= 500) {
		return inconclusive(
			'provider_unavailable',
			`${provider} could not answer now (HTTP ${status}); try again later.`,
		);
	}
	if (status === 401 || status === 403) {
		return failed('invalid_credentials', `${provider} refused the credentials (HTTP ${status}).`);
	}
	if (status >= 400) {
		return failed('rejected', `${provider} refused the request (HTTP ${status}).`);
	}
	return failed(
		'unexpected_response',
		`The answer is not what ${provider} sends (HTTP ${status}); is the host right?`,
	);
}

/** The status to store after a test. */
export function connectionStatusOf(verdict: ConnectionVerdict): ConnectionStatus {
	switch (verdict) {
		case 'verified':
		case 'partial':
			return 'connected';
		case 'failed':
			return 'failed';
		case 'inconclusive':
			return 'unknown';
	}
}
