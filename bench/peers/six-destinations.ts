const hex = '0123456789abcdef'.repeat(2);

/** What an organization may have: one destination of each type. */
export const sixDestinations = [
	{ type: 'posthog', settings: { apiKey: `phc_${'a'.repeat(43)}` } },
	{ type: 'meta-pixel', settings: { pixelId: '1234567890', accessToken: `EAAB${'a'.repeat(60)}` } },
	{
		type: 'google-analytics',
		settings: { measurementId: 'G-ABCDEF1234', apiSecret: 'a'.repeat(22) },
	},
	{ type: 'mixpanel', settings: { projectToken: hex, dataResidency: 'eu' } },
	{ type: 'amplitude', settings: { apiKey: hex, dataResidency: 'eu' } },
	{ type: 'console', settings: {} },
] as const;
