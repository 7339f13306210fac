import type { z } from 'zod';
import type { SendRequest } from './connection-test/guarded-request.ts';
import type { Finding } from './connection-test/outcome.ts';

/**
 * Who may see a setting.
 * - `browser`: everyone; it is part of the page that a visitor loads
 * - `server`: lists and logs, but no browser
 * - `secret`: nobody; lists and logs show a mask
 */
export type Visibility = 'browser' | 'server' | 'secret';

/** How the connection of one type is tested. */
export interface ConnectionTest<S> {
	/** The hosts that the test calls. A deployment may allow more, for settings that name a host. */
	readonly hosts: readonly string[];
	/** Finds out what the provider lets be found out, without recording an event. */
	readonly run: (settings: S, send: SendRequest) => Promise<Finding>;
}

/** Everything that this package knows of one destination type. */
export interface DestinationDefinition<
	Schema extends z.ZodObject = z.ZodObject,
	Fields extends Record<keyof z.output<Schema>, Visibility> = Record<
		keyof z.output<Schema>,
		Visibility
	>,
> {
	/** Strict: an unknown key is an error, defaults are filled in. */
	readonly settings: Schema;
	/** One entry for each setting, so that a new one cannot be forgotten. */
	readonly visibility: Fields;
	readonly connectionTest: ConnectionTest<z.output<Schema>>;
}

/** Declares a destination type; the compiler asks for everything that it needs. */
export function defineDestination<
	Schema extends z.ZodObject,
	const Fields extends Record<keyof z.output<Schema>, Visibility>,
>(definition: DestinationDefinition<Schema, Fields>): DestinationDefinition<Schema, Fields> {
	return definition;
}

/** Of the switches that every type has, a browser needs neither: it is only told of what it may load. */
export const sidesVisibility = { enableServerSide: 'server', enableClientSide: 'server' } as const;
