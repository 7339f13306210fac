import { randomUUID } from 'node:crypto';
import type { ScopedTransaction } from '../../src/index.ts';
import { codesOf } from '../tenancy/refusal.ts';
import { type Call, type Changes, expectedVersion, type ModelRow, type Outcome } from './model.ts';

/** The ids of what was made, in order. */
export type Made = string[];

export type Road = (
	scope: ScopedTransaction,
	call: Call,
	made: Made,
	version: number,
) => Promise<unknown>;

const settingsOf = (type: ModelRow['type'], secret: string) =>
	type === 'posthog' ? { apiKey: `phc_${secret}` } : { projectToken: secret.repeat(32) };

const stranger = randomUUID();

/** Which row a call means, and of which type that is, so that settings fit. */
async function dataOf({ prisma }: ScopedTransaction, id: string, changes: Changes) {
	const { secret, ...others } = changes;
	if (secret === undefined) return others;
	const found = await prisma.destination.withDeleted().findUnique({ where: { id } });
	const type = found?.type === 'mixpanel' ? 'mixpanel' : 'posthog';
	return { ...others, settings: settingsOf(type, secret) };
}

function inputOf({ type, environment, name, secret }: Call & { kind: 'create' }) {
	return { type, environment, name, settings: settingsOf(type, secret) };
}

export function roadsOf(organizationId: string): { repository: Road; prisma: Road } {
	return {
		async repository(scope, call, made, version) {
			const { destinations } = scope;
			if (call.kind === 'create') {
				// The union of inputs by type, which the compiler does not see through a variable.
				const input = { organizationId, ...inputOf(call) } as Parameters<
					typeof destinations.create
				>[0];
				made.push((await destinations.create(input)).id);
				return;
			}
			const id = made[call.row] ?? stranger;
			if (call.kind === 'delete' || call.kind === 'restore') {
				const options =
					call.behind === undefined
						? {}
						: { expectedVersion: expectedVersion(version, call.behind) };
				return call.kind === 'delete'
					? destinations.softDelete(id, options)
					: destinations.restore(id, options);
			}
			const changes = await dataOf(scope, id, call.changes);
			if (call.kind === 'update') return destinations.update(id, changes);
			return destinations.update(id, changes, {
				expectedVersion: expectedVersion(version, call.behind),
			});
		},
		async prisma(scope, call, made, version) {
			const { destination } = scope.prisma;
			if (call.kind === 'create') {
				const { id } = await destination.create({ data: { organizationId, ...inputOf(call) } });
				made.push(id);
				return;
			}
			const id = made[call.row] ?? stranger;
			if (call.kind === 'delete' || call.kind === 'restore') {
				const where =
					call.behind === undefined
						? { id }
						: { id, version: expectedVersion(version, call.behind) };
				return call.kind === 'delete'
					? destination.delete({ where })
					: destination.restore({ where });
			}
			const data = await dataOf(scope, id, call.changes);
			if (call.kind === 'update') return destination.update({ where: { id }, data });
			return destination.update({
				where: { id, version: expectedVersion(version, call.behind) },
				data,
			});
		},
	};
}

/** Prisma's word for each refusal of ours (https://www.prisma.io/docs/orm/reference/error-reference). */
const outcomes: Readonly<Record<string, Outcome>> = {
	ALREADY_EXISTS: 'already exists',
	P2002: 'already exists',
	NOT_FOUND: 'not found',
	P2025: 'not found',
	CONFLICT: 'conflict',
	VALIDATION: 'not valid',
};

export function outcomeOf(error: unknown): Outcome {
	const [code = '', state = ''] = codesOf(error).split(' ');
	// By Prisma, the table's CHECKs say what is not valid.
	const outcome = state === '23514' ? 'not valid' : outcomes[code];
	if (outcome === undefined) throw error;
	return outcome;
}
