import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { expect, it } from 'vitest';
import { authenticateWith, signToken, UnauthenticatedError } from '../src/caller.ts';

const secret = 'a secret of the tests that is long enough';
const caller = {
	organizationId: '0193a1b2-0000-7000-8000-000000000001',
	userId: '0193a1b2-0000-7000-8000-000000000002',
};
const claims = {
	organization_id: caller.organizationId,
	sub: caller.userId,
	iss: 'platform-stand-in',
	aud: 'destinations',
	exp: Math.floor(Date.now() / 1000) + 60,
};
const authenticate = authenticateWith(secret);

function sign(payload: JWTPayload, key = secret): Promise<string> {
	return new SignJWT(payload)
		.setProtectedHeader({ alg: 'HS256' })
		.sign(new TextEncoder().encode(key));
}

it('is who the token names', async () => {
	expect(await authenticate(`Bearer ${await signToken(caller, secret)}`)).toEqual(caller);
	expect(await authenticate(`bearer ${await sign(claims)}`)).toEqual(caller);
});

it.each([
	['has run out', { ...claims, exp: claims.exp - 120 }],
	['never runs out', { ...claims, exp: undefined }],
	['is for another service', { ...claims, aud: 'billing' }],
	['is from somebody else', { ...claims, iss: 'somebody' }],
	['names no organization', { ...claims, organization_id: undefined }],
	['names an organization that is not a UUID', { ...claims, organization_id: "' OR true --" }],
	['names no user', { ...claims, sub: undefined }],
] as const)('is nobody if the token %s', async (_, payload) => {
	// JSON leaves out what is undefined.
	const token = await sign(JSON.parse(JSON.stringify(payload)));
	await expect(authenticate(`Bearer ${token}`)).rejects.toThrow(UnauthenticatedError);
});

it.each<[string, () => Promise<string | undefined> | string | undefined]>([
	['there is none', () => undefined],
	['it is empty', () => 'Bearer '],
	['it is not a bearer’s', async () => `Basic ${await sign(claims)}`],
	['another secret signed it', async () => `Bearer ${await sign(claims, `${secret}!`)}`],
	['nobody signed it', () => `Bearer ${new UnsecuredJWT(claims).encode()}`],
])('is nobody if %s', async (_, authorization) => {
	await expect(authenticate(await authorization())).rejects.toThrow(UnauthenticatedError);
});
