/** Settings that validate, with a key that a test can look for. */
export const posthogKey = `phc_${'k3Y'.repeat(14)}`;

export function posthog(organizationId: string) {
	return {
		organizationId,
		type: 'posthog',
		name: 'EU project',
		settings: { apiKey: posthogKey },
		requiredConsent: ['measurement'],
	} as const;
}

export const metaToken = `EAAB${'t0kEn'.repeat(8)}`;

export function metaPixel(organizationId: string) {
	return {
		organizationId,
		type: 'meta-pixel',
		name: 'Shop',
		settings: { pixelId: '1234567890', accessToken: metaToken },
		requiredConsent: ['marketing'],
	} as const;
}
