import { httpStatusOf, toProblem } from '../../src/database/problem.ts';
import { ConflictError, DestinationsError, ValidationError } from '../../src/errors.ts';
import { Prisma } from '../../src/generated/prisma/client.ts';
import * as api from '../../src/index.ts';

/** Every error that is exported, however many there will be. */
const errors = Object.entries(api).flatMap(([name, value]) => {
	const isError =
		typeof value === 'function' &&
		value.prototype instanceof DestinationsError &&
		name.endsWith('Error');
	if (!isError) return [];
	// Both take a message, but for the one of issues.
	const Kind = value as unknown as new (given: unknown) => DestinationsError;
	const given =
		value === ValidationError ? [{ path: ['name'], message: 'is required' }] : 'MESSAGE of it';
	return [[name, new Kind(given)] as const];
});

const codes = errors.map(([, { code }]) => code);

it('knows every code', () => {
	expect(new Set(codes).size).toBeGreaterThanOrEqual(12);
	for (const [, error] of errors)
		expect([400, 403, 404, 409, 500, 503]).toContain(httpStatusOf(error));
});

it.each(errors)('makes a problem document of %s', (_name, error) => {
	const problem = toProblem(error);
	expect(problem).toMatchObject({
		type: expect.stringMatching(/^urn:consent-io:destinations:problem:[a-z-]+$/),
		title: expect.any(String),
		status: httpStatusOf(error),
		code: error.code,
		retryable: error.retryable,
	});
	expect(JSON.parse(JSON.stringify(problem))).toEqual(problem);
	// 503 is for what time may mend, and for nothing else.
	expect(problem.status === 503).toBe(error.retryable);
	const text = JSON.stringify(problem);
	// What the caller cannot mend is not for the caller's eyes.
	expect(text.includes('MESSAGE') || text.includes('is required')).toBe(problem.status < 500);
});

it('has the issues and the version that the caller can go on with', () => {
	const issues = [{ path: ['name'], code: 'required', message: 'is required' }] as const;
	expect(toProblem(new ValidationError(issues)).issues).toEqual(issues);
	expect(toProblem(new ConflictError('x', { currentVersion: 3 })).currentVersion).toBe(3);
	expect(toProblem(new ConflictError('x'))).not.toHaveProperty('currentVersion');
});

it('knows a database that is away from a fault of the service', () => {
	const away = Object.assign(new Error('secret'), { code: 'ECONNREFUSED' });
	expect(toProblem(away)).toMatchObject({ status: 503, code: 'UNAVAILABLE', retryable: true });
	const options = { code: 'P2034', clientVersion: '7' };
	const lost = new Prisma.PrismaClientKnownRequestError('secret', options);
	expect(toProblem(lost)).toMatchObject({ status: 503, code: 'RETRY', retryable: true });
	for (const fault of [new TypeError('secret'), 'secret', null, undefined]) {
		const problem = toProblem(fault);
		expect(problem).toMatchObject({ status: 500, code: 'INTERNAL', retryable: false });
		expect(JSON.stringify(problem)).not.toContain('secret');
	}
});
