import { escapeLiteral } from 'pg';
import type { Scope } from '../scope.ts';
import { type Step, step, withoutName } from '../scope-steps.ts';
import { current, kept, overRole, transactionIdentity, unrecordedRole } from './host-settings.ts';

const claims = 'request.jwt.claims';

/**
 * The same as on one server, by SET LOCAL, of which the workers learn. That takes no parameters and no expressions, so it runs in a
 * block, for which the role of the host needs USAGE on the language plpgsql, as everybody has unless the database is hardened.
 */
export function citusHostSteps(
	{ role, claims: wanted }: Scope,
	settings: Readonly<Record<string, string>>,
	transaction: string | undefined,
): { readonly enter: Step; readonly leave: Step } {
	const names = Object.keys(settings);
	const keep = ['role', claims, ...names].map(
		(name) =>
			`perform pg_catalog.set_config('${kept(name)}', coalesce(pg_catalog.current_setting('${name}', true), ''), true);`,
	);
	const over =
		transaction === undefined
			? ''
			: `when ${transactionIdentity} <> ${escapeLiteral(transaction)} then '${overRole}'`;
	const enter = [
		...keep,
		`set local citus.propagate_set_commands to 'local';`,
		`set local "${claims}" to ${escapeLiteral(wanted)};`,
		...Object.entries(settings).map(
			([name, value]) => `set local "${name}" to ${escapeLiteral(value)};`,
		),
		// The coordinator connects to workers as the role; it is not to set it there.
		`set local citus.propagate_set_commands to 'none';`,
		`execute pg_catalog.format('set local role to %L', case ${over}
			when ${current('session_replication_role')} = 'replica' then '${unrecordedRole}' else '${role}' end);`,
	];
	const restore = (name: string) =>
		`execute pg_catalog.format('set local "${name}" to %L', ${current(kept(name))});`;
	const leave = [
		restore('role'),
		`set local citus.propagate_set_commands to 'local';`,
		...[claims, ...names].map(restore),
	];
	return { enter: block(enter), leave: block(leave) };
}

function block(statements: readonly string[]): Step {
	return withoutName(step(`do ${escapeLiteral(`begin ${statements.join(' ')} end`)}`));
}
