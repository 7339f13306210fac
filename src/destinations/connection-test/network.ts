import { type LookupAddress, type LookupAllOptions, lookup } from 'node:dns';

/**
 * What connection tests know of the outside. Production has exactly one, {@link internet}; the tests of this
 * package pass another, in which provider names lead to local servers, so that all other code is the same.
 * Internal: nothing that a tenant or a service passes in can get here.
 */
export interface Network {
	/** `dns.lookup`: every address of a name. */
	readonly resolve: (
		hostname: string,
		options: LookupAllOptions,
		callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
	) => void;
	/** Addresses that count as public although they are not. */
	readonly permittedAddresses: ReadonlySet<string>;
	/** Connect to this port instead of the URL's. */
	readonly port?: number;
	/** Trust this certificate authority instead of Node's. */
	readonly ca?: string;
	/** For everything that one test does, in milliseconds: DNS, TLS, all requests and bodies. */
	readonly timeLimitMs: number;
}

/** The real one. */
export const internet: Network = {
	resolve: lookup,
	permittedAddresses: new Set(),
	timeLimitMs: 10_000,
};
