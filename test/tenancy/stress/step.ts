import { uuidv7 } from '../../../src/ids/uuidv7.ts';
import {
	environments,
	type Known,
	newToken,
	type Organization,
	settingsOf,
	types,
} from './organization.ts';

/** One step of an organization, near others of which `foreign` is a row. */
export type Operation = (
	organization: Organization,
	foreign: { readonly id: string; readonly organizationId: string },
	all: readonly Organization[],
) => Promise<void>;

export const pick = <T>(list: readonly T[]): T | undefined =>
	list[Math.floor(Math.random() * list.length)];

export const newName = () => `Name ${newToken().slice(0, 6)}`;

/** A kind of which the organization has no live destination. */
export function freeKind(
	organization: Organization,
): Pick<Known, 'type' | 'environment'> | undefined {
	const taken = new Set(
		organization.live().map(([, { type, environment }]) => `${type} ${environment}`),
	);
	return pick(
		types
			.flatMap((type) => environments.map((environment) => ({ type, environment })))
			.filter(({ type, environment }) => !taken.has(`${type} ${environment}`)),
	);
}

export function newRow(organization: Organization, kind: Pick<Known, 'type' | 'environment'>) {
	const known: Known = { ...kind, name: newName(), token: newToken(), deleted: false };
	const id = uuidv7();
	const { type, environment, name } = known;
	const settings = settingsOf(type, known.token);
	const data = { id, organizationId: organization.id, type, environment, name, settings };
	return { id, known, data };
}

export const sessionChanges = [
	'SET ROLE service_role',
	'RESET ROLE',
	`SET request.jwt.claims = '{"organization_id": "00000000-0000-0000-0000-000000000000"}'`,
	"SET search_path = 'pg_temp'",
	'CREATE TEMP TABLE destinations AS SELECT 1 AS id',
	'SELECT pg_advisory_lock_shared(1)::text',
	'DEALLOCATE ALL',
];

export const own = async (organization: Organization) => pick(organization.live());
