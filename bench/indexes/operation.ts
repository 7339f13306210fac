import type { Actors } from './actors.ts';

/** Something that a service or a command does. */
export interface Operation {
	readonly name: string;
	/** The indexes that are meant for it: it uses no others. */
	readonly by: readonly string[];
	readonly run: (actors: Actors) => Promise<unknown>;
	/** Why a plan for all parameters does not count, where one for each is what runs. */
	readonly customOnly?: string;
	/** Pages of a long list, in the order of an index: nothing is sorted. @defaultValue `false` */
	readonly ordered?: boolean;
	/** Why it reads a table from end to end, where that is meant. @defaultValue it reads none so */
	readonly readsWhole?: string;
	/** Whether it finds as many rows in a table of any size. @defaultValue `true` */
	readonly sameRows?: boolean;
}

/** Of the newest rows, as many at any size: years are shared out evenly among them. */
export const newest = (rows: number, share = 100) =>
	new Date(Date.now() - (share / rows) * 730.5 * 24 * 60 * 60 * 1000);

/** Of a type that no sample organization has. */
export const another = {
	type: 'google-analytics',
	environment: 'production',
	name: 'Another',
	settings: { measurementId: 'G-ABCDEF1234', apiSecret: 'k3Y'.repeat(7) },
} as const;
