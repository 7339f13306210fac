import type { z } from 'zod';
import type { SendRequest } from './connection-test/guarded-request.ts';
import type { Judgement } from './connection-test/outcome.ts';
import type { Rule } from './rules.ts';
import type { ConsentPurpose } from './vocabulary.ts';

/**
 * Who may see a setting.
 * - `browser`: everyone; it is part of the page that a visitor loads, because the provider's SDK needs it there
 * - `server`: lists and logs, but no browser
 * - `secret`: nobody; lists and logs show a mask
 */
export type Visibility = 'browser' | 'server' | 'secret';

/** How the connection of one type is tested. */
export interface ConnectionTest<S> {
	/** The hosts that the test calls. A deployment may allow more, for settings that name a host. */
	readonly hosts: readonly string[];
	/** Finds out what the provider lets be found out, without recording an event. */
	readonly run: (settings: S, send: SendRequest) => Promise<Judgement>;
}

/** Everything that this package knows of one destination type. */
export interface DestinationDefinition<
	Schema extends z.ZodObject = z.ZodObject,
	Fields extends Record<keyof z.output<Schema>, Visibility> = Record<
		keyof z.output<Schema>,
		Visibility
	>,
> {
	/** As the provider writes its name. */
	readonly title: string;
	/** Strict: an unknown key is an error, and what counts while nothing is chosen is filled in. */
	readonly settings: Schema;
	/** What the schema asks of several settings together. */
	readonly rules: readonly Rule[];
	/** The settings that lead to a local network, which only the environment `development` may. */
	readonly localSettings?: (settings: z.output<Schema>) => readonly string[];
	/** One entry for each setting, so that a new one cannot be forgotten. */
	readonly visibility: Fields;
	/** What a visitor must have consented to, unless the destination says otherwise. */
	readonly requiredConsent: readonly ConsentPurpose[];
	readonly connectionTest: ConnectionTest<z.output<Schema>>;
}

/** Declares a destination type; the compiler asks for everything that it needs. */
export function defineDestination<
	Schema extends z.ZodObject,
	const Fields extends Record<keyof z.output<Schema>, Visibility>,
>(definition: DestinationDefinition<Schema, Fields>): DestinationDefinition<Schema, Fields> {
	return definition;
}

/** Of the switches that every type has, a browser needs neither: it only learns what it may load. */
export const sidesVisibility = { enableServerSide: 'server', enableClientSide: 'server' } as const;
