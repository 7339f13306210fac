import { failed, inconclusive, type Judgement } from './outcome.ts';

const judgements = {
	// Nobody was asked, so nothing is known of the settings. What a deployment allows is the operator's affair.
	host_not_allowed: inconclusive(
		'host_not_allowed',
		'Connections to this host are not tested from here. The settings may be right.',
	),
	address_not_allowed: inconclusive(
		'address_not_allowed',
		'The host is not on the public internet, so it was not asked. The settings may be right.',
	),
	redirected: failed(
		'redirected',
		'The host answered with a redirect, which is not followed. Enter the host that it leads to.',
	),
	response_too_large: failed(
		'response_too_large',
		'The answer is larger than any that the provider sends; is the host right?',
	),
	unexpected_response: failed('unexpected_response', 'The host did not answer in plain HTTP.'),
	host_not_found: inconclusive('host_not_found', 'The name of the host could not be resolved.'),
	tls_failed: inconclusive(
		'tls_failed',
		'No secure connection could be made; the certificate may be invalid, or for another host.',
	),
	connection_failed: inconclusive(
		'connection_failed',
		'The connection could not be made, or broke off before the answer was complete.',
	),
	timeout: inconclusive('timeout', 'There was no complete answer in time.'),
} satisfies Record<string, Judgement>;

/** A request that brought no answer to look at. Carries no `cause`: Node's errors name addresses. */
export class RequestFailure extends Error {
	readonly judgement: Judgement;

	constructor(code: keyof typeof judgements) {
		super(judgements[code].message);
		this.name = 'RequestFailure';
		this.judgement = judgements[code];
	}
}

/** How the guarded look-up refuses a name; travels through Node's socket and comes out of the request. */
export class AddressNotAllowed extends Error {}

/** OpenSSL's and Node's codes for a failed handshake or certificate check. */
const tlsCode =
	/^(?:ERR_TLS_|ERR_SSL_|ERR_OSSL_|EPROTO$|CERT_|CRL_|UNABLE_TO_|HOSTNAME_MISMATCH|.*_CERT|INVALID_)/;

/** Puts an error of Node's https client into the words of a connection test. */
export function requestFailureOf(error: unknown): RequestFailure {
	if (error instanceof AddressNotAllowed) {
		return new RequestFailure('address_not_allowed');
	}
	const code = codeOf(error);
	if (code === 'ENOTFOUND' || code.startsWith('EAI_')) {
		return new RequestFailure('host_not_found');
	}
	if (code.startsWith('HPE_')) {
		return new RequestFailure('unexpected_response');
	}
	return new RequestFailure(tlsCode.test(code) ? 'tls_failed' : 'connection_failed');
}

function codeOf(error: unknown): string {
	// Not `instanceof Error`, which an error of another realm is not.
	const hasCode = typeof error === 'object' && error !== null && 'code' in error;
	return hasCode && typeof error.code === 'string' ? error.code : '';
}
