import { escapeLiteral } from 'pg';
import type { Scope } from './scope.ts';
import {
	citusPlanning,
	type ScopeStepsOptions,
	type Step,
	type Steps,
	sessionForm,
	step,
	withoutName,
} from './scope-steps.ts';
import { mayNotSwitch } from './translate-errors.ts';

/** SQL that sets something for the rest of a transaction. */
const setLocal = (name: string, value: string): Step =>
	withoutName(step(`set local "${name}" to ${escapeLiteral(value)}`));

/** What Citus's coordinator sets with SET LOCAL from here on, it sets on each worker that the transaction comes to. */
const propagate = setLocal('citus.propagate_set_commands', 'local');
/** It is not to set the role there: it connects as that, and a function of the owner's connects as the owner. */
const keepToItself = setLocal('citus.propagate_set_commands', 'none');
const begin = withoutName(step('begin'));
const commit = withoutName(step('commit'));

/**
 * What sets a scope where the tables are distributed by Citus. Of what set_config() sets the workers learn nothing, so that they
 * would show no rows; of SET LOCAL they do, in a transaction that has begun. All of it goes out in the same write as the statement.
 */
export function citusSteps(
	scope: Scope,
	{ named, inTransaction, planning, before: earlier }: ScopeStepsOptions,
): Steps {
	const role = setLocal('role', scope.role);
	const settings = { ...(named ? {} : sessionForm), ...citusPlanning[planning] };
	const resets = inTransaction ? Object.keys(citusPlanning[earlier]) : [];
	return {
		before: [
			inTransaction ? keepToItself : begin,
			role,
			propagate,
			...resets.map((name) => withoutName(step(`set local "${name}" to default`))),
			setLocal('request.jwt.claims', scope.claims),
			...Object.entries(settings).map(([name, value]) => setLocal(name, value)),
		],
		after: inTransaction ? [] : [commit],
		refusalOf: (error, failed) =>
			failed === role && error.code === '42501' ? mayNotSwitch(scope.role, error) : error,
	};
}
