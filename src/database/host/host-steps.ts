import type { Scope } from '../scope.ts';
import {
	byPlanning,
	citusPlanning,
	type Step,
	type Steps,
	step,
	withoutName,
} from '../scope-steps.ts';
import type { Planning } from '../scoped-sql.ts';
import { citusHostSteps } from './citus-host-steps.ts';
import { hostRefusal, transactionIsOver, triggersAreOff } from './host-errors.ts';
import {
	current,
	type HostForm,
	hostForm,
	kept,
	overRole,
	transactionIdentity,
	unrecordedRole,
} from './host-settings.ts';

const claims = 'request.jwt.claims';
const set = (setting: string, value: string) =>
	`pg_catalog.set_config('${setting}', ${value}, true) is null`;

/**
 * Keeps what the host has set, and sets the scope. Conditions that no row meets, which Postgres looks at in their order.
 * Where the transaction is another one than `$3`, or triggers do not run, which keep the log, there is no such role, and
 * nothing behind runs.
 */
const enter = (settings: Readonly<Record<string, string>>) =>
	`select where ${[
		set(kept('role'), current('role')),
		set(kept(claims), `coalesce(pg_catalog.current_setting('${claims}', true), '')`),
		...Object.entries(settings).flatMap(([name, value]) => [
			set(kept(name), current(name)),
			set(name, `'${value}'`),
		]),
		set(claims, '$2'),
		set(
			'role',
			`case when $3 <> '' and $3 <> ${transactionIdentity} then '${overRole}'
			when ${current('session_replication_role')} = 'replica' then '${unrecordedRole}' else $1 end`,
		),
	].join('\n\tor ')}`;

/** Sets again what the host had set. */
const leave = (settings: Readonly<Record<string, string>>) =>
	`select where ${['role', claims, ...Object.keys(settings)]
		.map((name) => set(name, current(kept(name))))
		.join('\n\tor ')}`;

const stepsFor = (settings: Readonly<Record<string, string>>) => ({
	enter: step(enter(settings)),
	leave: step(leave(settings)),
});
/** By whether times are readable as the host has set them. Looking at a setting costs what setting it does. */
const stepsBy = {
	readable: byPlanning(stepsFor),
	other: byPlanning((settings) => stepsFor({ ...hostForm, ...settings })),
};

/** Outside a transaction Postgres refuses this, and what was sent behind it does not run. */
const probe = [step('savepoint consent_probe'), step('release savepoint consent_probe')];
const identify = step(
	`select ${[transactionIdentity, 'pg_catalog.pg_backend_pid()', ...Object.keys(hostForm).map(current)].join(', ')}`,
);
/** set_config may be granted to the login alone, so the role is the login's before it is called. */
const loginsRole = step('set local role none');

export interface HostStepsOptions {
	/** Whether statements are kept prepared on the connection. */
	readonly named: boolean;
	/** How the statement is planned. */
	readonly planning: Planning;
	/** Whether the tables are distributed by Citus. */
	readonly citus: boolean;
	/** The identity of the transaction, where it is known. */
	readonly transaction: string | undefined;
	/** Called with it, where it is not, with the process that answers, and with what the session has set. */
	readonly onTransaction: (transaction: string, process: string, form: HostForm) => void;
	/** Whether times are readable as the session writes them. */
	readonly readable: boolean;
	/** Why the statement must not be sent, once it is its turn. */
	readonly refuse: () => Error | undefined;
}

/** What sets a scope for one statement in a transaction of somebody else's, and what they had set after it. */
export function hostSteps(
	scope: Scope,
	{ named, planning, citus, transaction, onTransaction, readable, refuse }: HostStepsOptions,
): Steps {
	const { enter, leave } = citus
		? citusHostSteps(
				scope,
				{ ...(readable ? {} : hostForm), ...citusPlanning[planning] },
				transaction,
			)
		: stepsBy[readable ? 'readable' : 'other'][planning];
	const takeRow: Step['takeRow'] = ([identity, process, TimeZone, DateStyle]) =>
		onTransaction(String(identity), String(process), {
			TimeZone: String(TimeZone),
			DateStyle: String(DateStyle),
		});
	const first = transaction === undefined ? [...probe, { ...identify, takeRow }] : [];
	const entered = citus
		? enter
		: { ...enter, values: [scope.role, scope.claims, transaction ?? ''] };
	const before = [...first, entered];
	const after = [loginsRole, leave];
	return {
		before: named ? before : before.map(withoutName),
		after: named ? after : after.map(withoutName),
		refuse,
		refusalOf: (error) => {
			if (error.message.includes(overRole)) return transactionIsOver(error);
			if (error.message.includes(unrecordedRole)) return triggersAreOff(error);
			return hostRefusal(error, scope, true);
		},
	};
}
