import { RecentWrites } from '../../src/database/recent-writes.ts';
import { organizationScope, serviceScope } from '../../src/database/scope.ts';

// Where a replica must be at least. That Postgres's positions mean this is tried by test/replicas.

const id = (number: number) => `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`;
const scopeOf = (number: number) => organizationScope(id(number), {});

let writes: RecentWrites;
const learn = (position: string) => writes.beginToLearn()(position);

beforeEach(() => {
	writes = new RecentWrites();
});

test('nothing need be there where nothing was written', () => {
	learn('0/1');
	expect(writes.positionFor(id(1))).toBeUndefined();
	writes.note(scopeOf(2));
	expect(writes.positionFor(id(1))).toBeUndefined();
});

test('a write is where the primary was when it was asked later, and stays there', () => {
	learn('0/1');
	writes.note(scopeOf(1));
	expect(writes.positionFor(id(1))).toBe('unknown');
	learn('0/2');
	expect(writes.positionFor(id(1))).toBe('0/2');
	learn('0/3');
	expect(writes.positionFor(id(1))).toBe('0/2');
	writes.note(scopeOf(1));
	expect(writes.positionFor(id(1))).toBe('unknown');
});

test('an answer that was asked for before a write says nothing of it', () => {
	const learned = writes.beginToLearn();
	writes.note(scopeOf(1));
	learned('0/9');
	expect(writes.positionFor(id(1))).toBe('unknown');
	learn('0/10');
	learned('0/9');
	expect(writes.positionFor(id(1))).toBe('0/10');
});

test('a write of the service concerns everybody, and positions are compared as numbers', () => {
	writes.note(scopeOf(1));
	learn('9/1');
	expect(writes.positionFor(id(1))).toBe('9/1');
	writes.note(serviceScope({}));
	expect([writes.positionFor(id(1)), writes.positionFor(id(2))]).toEqual(['unknown', 'unknown']);
	learn('10/0');
	expect([writes.positionFor(id(1)), writes.positionFor(id(2))]).toEqual(['10/0', '10/0']);
});

test('what may still be committed is nowhere for ten seconds', () => {
	const now = jest.spyOn(performance, 'now').mockReturnValue(0);
	writes.note(scopeOf(1), true);
	// Another write behind it does not settle it.
	writes.note(scopeOf(1));
	now.mockReturnValue(9_999);
	learn('0/5');
	expect(writes.positionFor(id(1))).toBe('unknown');
	now.mockReturnValue(10_000);
	expect(writes.positionFor(id(1))).toBe('unknown');
	learn('0/6');
	expect(writes.positionFor(id(1))).toBe('0/6');
	now.mockRestore();
});

test('of many organizations the oldest is forgotten, and counts for everybody then', () => {
	for (let number = 0; number < 10_000; number += 1) writes.note(scopeOf(number));
	expect(writes.positionFor(id(20_000))).toBeUndefined();
	writes.note(scopeOf(10_000));
	expect(writes.positionFor(id(20_000))).toBe('unknown');
	learn('0/7');
	expect([writes.positionFor(id(0)), writes.positionFor(id(20_000))]).toEqual(['0/7', '0/7']);
});
