import { randomUUID } from 'node:crypto';
import {
	type ExecutionContext,
	refuse,
	requireConnection,
	requireContext,
	runInScope,
} from '../../src/database/execution-context.ts';
import {
	checkAuthor,
	checkUuid,
	loaderScope,
	organizationScope,
	serviceScope,
} from '../../src/database/scope.ts';
import type { ScopedSql } from '../../src/database/scoped-sql.ts';
import { ForbiddenError, UnsupportedError, ValidationError } from '../../src/index.ts';

const id = '0193a1b2-c3d4-7000-8000-0000000000ff';
const actorId = randomUUID();

test('a scope is a role, its organization, and the claims of both', () => {
	expect(organizationScope(id, { actorId })).toEqual({
		role: 'authenticated',
		organizationId: id,
		actorId,
		claims: `{"role":"authenticated","organization_id":"${id}","sub":"${actorId}"}`,
	});
	expect(serviceScope({ actorId })).toEqual({
		role: 'service_role',
		actorId,
		claims: `{"role":"service_role","sub":"${actorId}"}`,
	});
	// In lower case, as Postgres writes it, so that it is the same scope.
	expect(organizationScope(id.toUpperCase(), {})).toEqual(organizationScope(id, {}));
	expect(organizationScope(id, {}).claims).toBe(
		`{"role":"authenticated","organization_id":"${id}"}`,
	);
	expect(serviceScope({}).claims).toBe('{"role":"service_role"}');
	for (const scope of [organizationScope(id, {}), serviceScope({})]) {
		expect(scope).not.toHaveProperty('actorId');
	}
	expect(loaderScope).toEqual({
		role: 'destinations_loader',
		claims: '{"role":"destinations_loader"}',
	});
});

describe('the author whom a write names', () => {
	const needsActor =
		'needs an actor: name the user as `actorId` of forOrganization() and leave this out';
	const mustBeActor = 'must be the actor of the scope; leave it out';
	const other = randomUUID();
	const refusalOf = (message: string) =>
		expect.objectContaining({
			code: 'VALIDATION',
			issues: [expect.objectContaining({ path: ['createdBy'], message })],
		});

	test('may be nobody in every scope', () => {
		for (const scope of [organizationScope(id, {}), organizationScope(id, { actorId })]) {
			for (const named of [undefined, null]) checkAuthor(scope, 'createdBy', named);
		}
	});

	test('is the actor, however it is written', () => {
		for (const scope of [organizationScope(id, { actorId }), serviceScope({ actorId })]) {
			for (const named of [actorId, actorId.toUpperCase()]) checkAuthor(scope, 'createdBy', named);
		}
	});

	test('is anybody to a service that has no actor', () => {
		for (const named of [other, 5]) checkAuthor(serviceScope({}), 'createdBy', named);
	});

	test('is nobody else', () => {
		for (const named of [other, '', 5, {}, [actorId]]) {
			for (const [scope, message] of [
				[organizationScope(id, {}), needsActor],
				[organizationScope(id, { actorId }), mustBeActor],
				[serviceScope({ actorId }), mustBeActor],
			] as const) {
				expect(() => checkAuthor(scope, 'createdBy', named)).toThrow(refusalOf(message));
			}
		}
	});
});

test.each([
	undefined,
	null,
	'',
	1,
	{},
	[id],
	Object(id),
	id.slice(1),
	`0${id}`,
	`${id}0`,
	`${id}\n`,
	` ${id}`,
	id.replaceAll('-', ''),
	id.replace('-', '_'),
	`g${id.slice(1)}`,
	`${id.slice(0, -1)}g`,
	id.replace('c3d4', 'g3d4'),
	id.replace('-7000', ''),
])('%p is no UUID', (value) => {
	const refusalOf = (name: string) => {
		const issue = { path: [name], message: 'must be a UUID' };
		return expect.objectContaining({ issues: [expect.objectContaining(issue)] });
	};
	const refused = refusalOf('organizationId');
	expect(() => checkUuid('organizationId', value)).toThrow(ValidationError);
	expect(() => checkUuid('organizationId', value)).toThrow(refused);
	expect(() => organizationScope(value as string, {})).toThrow(refused);
	if (value === undefined) return;
	const options = { actorId: value as string };
	for (const make of [() => organizationScope(id, options), () => serviceScope(options)]) {
		expect(make).toThrow(refusalOf('actorId'));
	}
});

test('an option that is not known is refused', () => {
	const options = { actor: actorId } as object;
	expect(() => organizationScope(id, options)).toThrow(ValidationError);
	expect(() => serviceScope(options)).toThrow(ValidationError);
});

describe('what runs in a scope', () => {
	const context = (): ExecutionContext => ({ scope: serviceScope({}), ranRawSql: false });

	test('knows its execution context, and nobody else does', async () => {
		const [first, second] = [context(), context()];
		const seen = await Promise.all(
			[first, second].map((each) =>
				runInScope(each, async () => {
					await new Promise((resolve) => setImmediate(resolve));
					return requireContext();
				}),
			),
		);
		expect(seen[0]).toBe(first);
		expect(seen[1]).toBe(second);
		expect(requireContext).toThrow(ForbiddenError);
		expect(requireContext).toThrow(
			'A statement was about to run outside any scope. Use a client of forOrganization() or asService().',
		);
		expect(requireConnection).toThrow(ForbiddenError);
	});

	test('knows the connection of its transaction, once there is one', () => {
		const own = context();
		expect(() => runInScope(own, requireConnection)).toThrow('No transaction has begun');
		const connection = {} as ScopedSql; // never called
		own.connection = connection;
		expect(runInScope(own, requireConnection)).toBe(connection);
	});

	test('keeps why it was refused', () => {
		const [first, second] = [context(), context()];
		const refusal = new UnsupportedError('x');
		expect(runInScope(first, () => refuse(refusal))).toBe(refusal);
		expect(first.refusal).toBe(refusal);
		expect(refuse(refusal, second)).toBe(refusal);
		expect(second.refusal).toBe(refusal);
	});
});
