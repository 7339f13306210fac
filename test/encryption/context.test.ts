import { randomUUID } from 'node:crypto';
import { codeOf, newContext, newEncryption } from '../support/encryption.ts';

const encryption = newEncryption();

test.each(['organizationId', 'destinationId', 'type'])(
	'%s has 1 to 255 characters, and an envelope is bound to all of them',
	async (name) => {
		const longest = { ...newContext(), [name]: 'x'.repeat(255) };
		const envelope = await encryption.encrypt({ a: 1 }, longest);
		await expect(encryption.decrypt(envelope, longest)).resolves.toEqual({ a: 1 });
		const others = ['x'.repeat(254), `${'x'.repeat(254)}y`].map((text) => ({
			...longest,
			[name]: text,
		}));
		for (const other of others) {
			expect(await codeOf(encryption.decrypt(envelope, other))).toBe('DECRYPTION_FAILED');
		}
		for (const text of ['', 'x'.repeat(256), '\ud800', null, 5, {}, undefined]) {
			const wrong = { ...longest, [name]: text } as typeof longest;
			await expect(encryption.encrypt({ a: 1 }, wrong)).rejects.toMatchObject({
				code: 'VALIDATION',
				issues: [{ path: ['context', name], message: 'must be text of 1 to 255 characters' }],
			});
			expect(await codeOf(encryption.decrypt(envelope, wrong))).toBe('VALIDATION');
		}
		// Whatever bytes the characters need.
		const wide = { ...longest, [name]: '\u{1f600}'.repeat(127) };
		const ofWide = await encryption.encrypt({ a: 1 }, wide);
		await expect(encryption.decrypt(ofWide, wide)).resolves.toEqual({ a: 1 });
		const shortest = { ...longest, [name]: 'x' };
		const other = await encryption.encrypt({ a: 1 }, shortest);
		await expect(encryption.decrypt(other, shortest)).resolves.toEqual({ a: 1 });
	},
);

// Were the parts joined without their lengths, these would be bound to the same bytes.
it.each([
	[
		{ destinationId: 'ab', type: 'c' },
		{ destinationId: 'a', type: 'bc' },
	],
	[
		{ destinationId: 'a', type: '1:b,' },
		{ destinationId: 'a,1:b', type: ',' },
	],
	[
		{ destinationId: 'é', type: 'a' },
		{ destinationId: 'e', type: '\u0301a' },
	],
])('%j and %j are two contexts', async (one, two) => {
	const organizationId = randomUUID();
	const envelope = await encryption.encrypt({ a: 1 }, { organizationId, ...one });
	const opened = encryption.decrypt(envelope, { organizationId, ...two });
	expect(await codeOf(opened)).toBe('DECRYPTION_FAILED');
});

it.each([
	['in capitals', (id: string) => id.toUpperCase()],
	['without hyphens', (id: string) => id.replaceAll('-', '')],
	['in braces', (id: string) => `{${id}}`],
	[
		'in braces, in capitals, with fewer hyphens',
		(id: string) => `{${id.toUpperCase().replace('-', '')}}`,
	],
])('an id that is written %s is the same id', async (_, spell) => {
	const context = newContext();
	const spelled = {
		organizationId: spell(context.organizationId),
		destinationId: spell(context.destinationId),
		type: context.type,
	};
	const envelope = await encryption.encrypt({ a: 1 }, spelled);
	expect(await encryption.decrypt(envelope, context)).toEqual({ a: 1 });
	expect(encryption.tryOpen(envelope, context)).toEqual({ a: 1 });
});

it.each([
	['one digit less', (id: string) => id.slice(1)],
	['one digit more', (id: string) => `${id}0`],
	['another digit', (id: string) => `${id.startsWith('a') ? 'b' : 'a'}${id.slice(1)}`],
	['space before it', (id: string) => ` ${id}`],
	['space behind it', (id: string) => `${id} `],
	['another brace before it', (id: string) => `{{${id}}`],
	['another brace behind it', (id: string) => `{${id}}}`],
])('an id with %s is another id', async (_, spell) => {
	const context = newContext();
	const envelope = await encryption.encrypt({ a: 1 }, context);
	const other = { ...context, destinationId: spell(context.destinationId) };
	expect(await codeOf(encryption.decrypt(envelope, other))).toBe('DECRYPTION_FAILED');
});

it('a context that is missing is refused', async () => {
	for (const context of [undefined, null, 'x']) {
		for (const work of [
			encryption.encrypt({ a: 1 }, context as never),
			encryption.decrypt({}, context as never),
		]) {
			await expect(work).rejects.toMatchObject({
				code: 'VALIDATION',
				message: expect.stringMatching(/^context/),
			});
		}
	}
});

it('an envelope is bound to the last character of each part, where all are as long as can be', async () => {
	// Three bytes a character.
	const [text, other] = [`${'\u4e00'.repeat(254)}a`, `${'\u4e00'.repeat(254)}b`];
	const context = { organizationId: text, destinationId: text, type: text };
	const envelope = await encryption.encrypt({ a: 1 }, context);
	expect(await encryption.decrypt(envelope, context)).toEqual({ a: 1 });
	for (const name of ['organizationId', 'destinationId', 'type']) {
		const work = encryption.decrypt(envelope, { ...context, [name]: other });
		expect(await codeOf(work)).toBe('DECRYPTION_FAILED');
	}
});

it('a member that a context does not have is refused', async () => {
	const context = { ...newContext(), organisationId: 'x' };
	expect(await codeOf(encryption.encrypt({ a: 1 }, context))).toBe('VALIDATION');
	expect(await codeOf(encryption.decrypt({}, context))).toBe('VALIDATION');
});
