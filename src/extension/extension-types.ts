import type { DestinationType, SettingsOf } from '../destinations/registry.ts';
import type { ConnectionStatus, ConsentPurpose, Environment } from '../destinations/vocabulary.ts';
import type { Prisma } from '../generated/prisma/client.ts';

/** A field that Prisma's result types take from an extension instead of from the schema. */
type Computed<T> = () => { needs: Record<never, never>; compute: () => T };

/** Type aliases, not interfaces, because Prisma asks for types with index signatures. */
type DestinationFields = {
	type: Computed<DestinationType>;
	settings: Computed<{ [T in DestinationType]: SettingsOf<T> }[DestinationType]>;
	environment: Computed<Environment>;
	connectionStatus: Computed<ConnectionStatus>;
	requiredConsent: Computed<ConsentPurpose[]>;
};

type ReadMethod =
	| 'findUnique'
	| 'findUniqueOrThrow'
	| 'findFirst'
	| 'findFirstOrThrow'
	| 'findMany'
	| 'count'
	| 'aggregate'
	| 'groupBy';

type ResultOnly = {
	result: { destination: DestinationFields };
	model: Record<never, never>;
	query: Record<never, never>;
	client: Record<never, never>;
};

/** The reads of `prisma.destination`, for rows that the default hides. */
export type DestinationReads = Pick<Prisma.DestinationDelegate<ResultOnly>, ReadMethod>;

/** What the extension adds to `prisma.destination`. */
export interface DestinationMethods {
	/** Reads that see soft-deleted destinations too. Nested destinations stay live ones. */
	withDeleted(): DestinationReads;
	/** Reads that see soft-deleted destinations alone. Nested destinations stay live ones. */
	onlyDeleted(): DestinationReads;
	/**
	 * Brings a soft-deleted destination back. Fails with P2002 if its organization has a live one of the
	 * same type and environment meanwhile, with P2025 if there is no deleted one of this id.
	 */
	restore<A extends Pick<Prisma.DestinationUpdateArgs, 'where' | 'select' | 'include' | 'omit'>>(
		args: Prisma.Exact<
			A,
			Pick<Prisma.DestinationUpdateArgs, 'where' | 'select' | 'include' | 'omit'>
		>,
	): Prisma.PrismaPromise<
		Prisma.Result<Prisma.DestinationDelegate<ResultOnly>, A & { data: object }, 'update'>
	>;
	/** Removes a soft-deleted destination for good. Gives how many rows that were: 1 or 0. */
	purge(args: { where: { id: string } }): Prisma.PrismaPromise<number>;
}

/**
 * What `$extends` takes. It is described by its effect on Prisma's types and not by the type that
 * Prisma's own helper infers, which would put the whole generated client into this package's types.
 */
export type DestinationsExtension = (client: object) => {
	$extends: {
		extArgs: {
			result: { destination: DestinationFields };
			model: { destination: { [K in keyof DestinationMethods]: () => DestinationMethods[K] } };
			query: Record<never, never>;
			client: Record<never, never>;
		};
	};
};
