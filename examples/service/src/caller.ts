/**
 * STAND-IN for the platform's authentication. Replace this file: all that the service needs is
 * `Authenticate`, which finds the organization and the user of a request in proof that the caller cannot
 * forge. Never take them from the URL or the body.
 *
 * Here the proof is a JWT that is signed with a secret of this service.
 */
import { jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';

export interface Caller {
	readonly organizationId: string;
	readonly userId: string;
}

/** @throws UnauthenticatedError if the `Authorization` header does not say who calls. */
export type Authenticate = (authorization: string | undefined) => Promise<Caller>;

export class UnauthenticatedError extends Error {}

const token = { issuer: 'platform-stand-in', audience: 'destinations' };
const claims = z.object({ organization_id: z.guid(), sub: z.guid() });

export function authenticateWith(secret: string): Authenticate {
	const key = new TextEncoder().encode(secret);
	return async (authorization) => {
		try {
			const jwt = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1] ?? '';
			const { payload } = await jwtVerify(jwt, key, {
				...token,
				algorithms: ['HS256'],
				requiredClaims: ['exp'],
			});
			const { organization_id: organizationId, sub: userId } = claims.parse(payload);
			return { organizationId, userId };
		} catch {
			// Why a token is refused is of use to those alone who try to make one.
			throw new UnauthenticatedError('The request needs a valid token: `Authorization: Bearer …`.');
		}
	};
}

/** A token as the platform would give it, for one hour. */
export function signToken({ organizationId, userId }: Caller, secret: string): Promise<string> {
	return new SignJWT({ organization_id: organizationId })
		.setProtectedHeader({ alg: 'HS256' })
		.setSubject(userId)
		.setIssuer(token.issuer)
		.setAudience(token.audience)
		.setExpirationTime('1h')
		.sign(new TextEncoder().encode(secret));
}
