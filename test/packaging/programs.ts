/**
 * What a service does with the package, for whatever loads it: writes and reads as one organization, looks
 * as another, and prints what it found. Under `node --input-type`, Jest, Vitest, tsx and out of a bundle.
 */
const use = `
async function use() {
	const db = createDestinationsClient({
		connectionString: process.env.DATABASE_URL,
		keys: process.env.DESTINATIONS_ENCRYPTION_KEYS,
	});
	const organizationId = process.env.ORGANIZATION_ID;
	const scope = db.forOrganization(organizationId);
	const made = await scope.destinations.create({
		organizationId,
		type: 'posthog',
		name: 'EU project',
		settings: { apiKey: 'phc_' + 'k3Y'.repeat(14) },
		requiredConsent: ['measurement'],
	});
	const [read] = await scope.prisma.destination.findMany({ where: { id: made.id } });
	const foreign = await db.forOrganization(process.env.OTHER_ORGANIZATION_ID).destinations.findById(made.id);
	const refused = await scope.destinations.create({ ...made, settings: {} }).catch((error) => error);
	await scope.destinations.softDelete(made.id);
	await db.close();
	return {
		apiKey: read.settings.apiKey,
		foreign,
		refused: refused instanceof DestinationsError && refused.code,
	};
}`;

export const found = {
	apiKey: `phc_${'k3Y'.repeat(14)}`,
	foreign: null,
	refused: 'VALIDATION',
};

const imported = `import { createDestinationsClient, DestinationsError } from '@consent-io/destinations';`;
const required = `const { createDestinationsClient, DestinationsError } = require('@consent-io/destinations');`;
const print = `use().then((found) => console.log(JSON.stringify(found)));`;

export const esm = `${imported}${use}\n${print}`;
export const cjs = `${required}${use}\n${print}`;

const asTest = `
test('works', async () => {
	expect(await use()).toEqual(${JSON.stringify(found)});
});`;

export const jestTest = `${required}${use}${asTest}`;
export const vitestTest = `import { expect, test } from 'vitest';\n${imported}${use}${asTest}`;
