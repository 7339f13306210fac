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
		for (const text of ['', 'x'.repeat(256), '\ud800', null, 5, undefined]) {
			const wrong = { ...longest, [name]: text } as typeof longest;
			await expect(encryption.encrypt({ a: 1 }, wrong)).rejects.toMatchObject({
				code: 'VALIDATION',
				issues: [{ path: ['context', name] }],
			});
			expect(await codeOf(encryption.decrypt(envelope, wrong))).toBe('VALIDATION');
		}
		const shortest = { ...longest, [name]: 'x' };
		const other = await encryption.encrypt({ a: 1 }, shortest);
		await expect(encryption.decrypt(other, shortest)).resolves.toEqual({ a: 1 });
	},
);
