import type { Scope } from './scope.ts';
import type { Planning } from './scoped-sql.ts';
import { statementName } from './statement-names.ts';
import { textForm } from './text-form.ts';
import { mayNotSwitch } from './translate-errors.ts';

/**
 * `true` makes each setting end with the transaction. By its schema, because raw SQL in the same
 * transaction may have set a `search_path` with another function of this name. A condition that no row
 * meets, because an answer without rows is the cheapest.
 */
const setContext = `select where pg_catalog.set_config('role', $1, true) is null
	or pg_catalog.set_config('request.jwt.claims', $2, true) is null`;

/**
 * For connections on which the session's own settings cannot be relied on: those of a pooler, which hands sessions on,
 * and those on which raw SQL ran in the same transaction.
 */
export const sessionForm = { ...textForm, client_encoding: 'UTF8' };

/** The settings of each planning. In order, a sort costs more than any index, whatever the server's own settings are. */
export const planningSettings: Readonly<Record<Planning, Readonly<Record<string, string>>>> = {
	asPlanned: {},
	inOrder: { enable_sort: 'off', plan_cache_mode: 'force_custom_plan' },
	forAny: { plan_cache_mode: 'force_generic_plan' },
};

/**
 * The same where the tables are distributed by Citus, which makes no plan of its own for a generic one. Workers plan again what they
 * are sent.
 */
export const citusPlanning: typeof planningSettings = {
	asPlanned: {},
	inOrder: { enable_sort: 'off' },
	forAny: {},
};

/** Something of each planning, made of its settings. */
export function byPlanning<T>(
	made: (settings: Readonly<Record<string, string>>) => T,
): Readonly<Record<Planning, T>> {
	const { asPlanned, inOrder, forAny } = planningSettings;
	return { asPlanned: made(asPlanned), inOrder: made(inOrder), forAny: made(forAny) };
}

function setContextAnd(settings: Readonly<Record<string, string>>): string {
	const others = Object.entries(settings).map(
		([name, value]) => `or pg_catalog.set_config('${name}', '${value}', true) is null`,
	);
	return [setContext, ...others].join(' ');
}

/** A statement that goes out with the caller's, in the same write. */
export interface Step {
	/** By which connections keep it prepared, those that do. */
	readonly name: string;
	readonly text: string;
	readonly values: unknown[];
	/** Takes the row that it returns. @defaultValue nobody does */
	readonly takeRow?: (texts: readonly (string | null)[]) => void;
}

/** What goes out with a statement, in the same write, so that it runs in its scope. */
export interface Steps {
	readonly before: readonly Step[];
	/** They do not run where the statement fails. */
	readonly after: readonly Step[];
	/** Asked when the statement's turn has come: why it is not sent. */
	readonly refuse?: () => Error | undefined;
	/** The error for what Postgres says of a step. */
	readonly refusalOf: (error: Error & { code?: string }, step: Step) => Error;
}

export const step = (text: string, values: unknown[] = []): Step => ({
	name: statementName(text),
	text,
	values,
});

/** What sets the scope, by whether the session can be relied on, and how the statement is planned. */
const contexts = {
	named: byPlanning((settings) => step(setContextAnd(settings))),
	unnamed: byPlanning((settings) => step(setContextAnd({ ...sessionForm, ...settings }))),
};
const resetRole = step('reset role');
const resets = byPlanning((settings) =>
	Object.keys(settings).map((setting) => step(`reset ${setting}`)),
);

/** The name of the statement that sets the scope. */
export const contextName = contexts.named.asPlanned.name;
/** The name of the statement that takes the login's own role again. */
export const resetName = resetRole.name;

export interface ScopeStepsOptions {
	/** Whether statements are kept prepared on the connection. */
	readonly named: boolean;
	/** Whether a transaction is open, so that an earlier statement may have changed the role. */
	readonly inTransaction: boolean;
	/** Whether the session has its login's role between transactions. */
	readonly restsAsLogin: boolean;
	/** How the statement is planned. */
	readonly planning: Planning;
	/** How the statement before it was planned, by settings that hold in its transaction. */
	readonly before: Planning;
}

/** What sets a scope on a connection of this package's own. It ends with the transaction. */
export function scopeSteps(
	scope: Scope,
	{ named, inTransaction, restsAsLogin, planning, before: earlier }: ScopeStepsOptions,
): Steps {
	const context = contexts[named ? 'named' : 'unnamed'][planning];
	const before: Step[] = [{ ...context, values: [scope.role, scope.claims] }];
	if (inTransaction) {
		// set_config may be granted to the login alone, so the role is the login's again before it is called. Not of a
		// session that rests in another: it would rest as its login from then on.
		before.unshift(...(restsAsLogin ? [resetRole] : []), ...resets[earlier]);
	}
	return {
		before: named ? before : before.map(withoutName),
		after: [],
		refusalOf: (error) => (error.code === '42501' ? mayNotSwitch(scope.role, error) : error),
	};
}

/** For a connection that keeps no statement prepared. */
export const withoutName = (step: Step): Step => ({ ...step, name: '' });
