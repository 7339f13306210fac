import type {
	DynamicModelExtensionThis,
	Exact,
	GetFindResult,
	OperationPayload,
	PrismaPromise,
} from '@prisma/client/runtime/client';

/** Prisma's types of a model, where Prisma has them in the type of its methods, such as `prisma.destination`. */
export interface Model<T> {
	[K: symbol]: { types: TypesOf<T>; globalOmitOptions: GlobalOmit<T> };
}

type TypesOf<T> = T extends { [K: symbol]: { types: infer Types } } ? Types : never;

/** The option `omit` of the client whose model it is. Prisma has it in the name of the type alone. */
export type GlobalOmit<T> = T extends { [K: symbol]: { globalOmitOptions: infer Options } }
	? Options
	: T extends DynamicModelExtensionThis<
				infer Types,
				infer _M extends PropertyKey,
				infer _A extends Record<string, unknown>
			>
		? Types extends { globalOmitOptions: infer Options }
			? IsAny<Options> extends true
				? NoOmit
				: Options
			: NoOmit
		: NoOmit;
type NoOmit = Record<never, never>;
type IsAny<T> = 0 extends 1 & T ? true : false;

/** What rows of the model have: columns, and the rows that they refer to. */
export type PayloadOf<T> =
	TypesOf<T> extends { payload: infer P extends OperationPayload } ? P : never;

/** The payload that a path of relations leads to. */
type PayloadAt<P, Path> = Path extends [infer K, ...infer Rest]
	? P extends { objects: infer Objects }
		? K extends keyof Objects
			? PayloadAt<One<Objects[K]>, Rest>
			: never
		: never
	: P;
type One<Related> = NonNullable<Related> extends (infer R)[] ? R : NonNullable<Related>;

/** The arguments for the rows that a path of relations leads to. */
type ArgsAt<A, Path> = Path extends [infer K, ...infer Rest]
	? A extends { select?: infer S }
		? K extends keyof NonNullable<S>
			? ArgsAt<Exclude<NonNullable<NonNullable<S>[K]>, boolean>, Rest>
			: never
		: never
	: A;
type FindArgs<T> = TypesOf<T> extends { operations: { findFirst: { args: infer A } } } ? A : never;

type Objects<P> = P extends { objects: infer O } ? O : never;

/**
 * The fluent methods of a promise of Prisma's for one row, which lead to the rows that it refers to.
 *
 * @internal Has a name for declarations to refer to.
 * @typeParam Path - The relations that led here, from the model `T`.
 * @typeParam Null - Whether the row may be missing.
 */
export type Relations<T, Path extends PropertyKey[], Null> = {
	[K in keyof Objects<PayloadAt<PayloadOf<T>, Path>>]: <A>(
		args?: Exact<A, ArgsAt<FindArgs<T>, [...Path, K]>>,
	) => RelatedRows<T, Path, K, A, Null>;
};

type RelatedRows<T, Path extends PropertyKey[], K extends PropertyKey, A, Null> = PrismaPromise<
	| Related<
			GetFindResult<
				Extract<PayloadAt<PayloadOf<T>, Path>, OperationPayload>,
				{ select: { [R in K]: A } },
				GlobalOmit<T>
			>,
			K
	  >
	| Null
> &
	Relations<T, [...Path, K], Null | NullIn<Objects<PayloadAt<PayloadOf<T>, Path>>, K>>;
type Related<R, K> = K extends keyof R ? R[K] : never;
type NullIn<O, K> = K extends keyof O ? Extract<O[K], null> : never;
