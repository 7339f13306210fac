import { randomBytes } from 'node:crypto';
import { type DestinationDelegate, destinationWork, openBarePrisma } from './bare-prisma.ts';
import { installed } from './installed.ts';
import { peers } from './names.ts';
import type { Peer, Read } from './peer.ts';

/** Of prisma-field-encryption what is used; its types are not here where it is not installed. */
interface FieldEncryption {
	fieldEncryptionExtension(options: { encryptionKey: string; dmmf: object }): never;
}

/** Its own encryption, which comes with it. */
interface Cloak {
	encryptStringSync(text: string, key: object): string;
	parseKeySync(key: string): object;
}

/**
 * Prisma 7's client no longer says what its models are, so the extension is given that: this is the part of the data
 * model that it looks at. It encrypts text only, so settings are stored as an encrypted JSON text.
 */
const dmmf = {
	datamodel: {
		models: [
			{
				name: 'Destination',
				fields: [
					{ name: 'id', type: 'String', isId: true, isUnique: false, isList: false },
					{
						name: 'settings',
						type: 'String',
						isId: false,
						isUnique: false,
						isList: false,
						documentation: '@encrypted',
					},
				],
			},
		],
	},
};

export const newFieldKey = () => `k1.aesgcm256.${randomBytes(32).toString('base64url')}=`;

/** Settings as the extension stores them. */
export function sealField(settings: object, key: string): string {
	const { encryptStringSync, parseKeySync } = installed<Cloak>('@47ng/cloak');
	return encryptStringSync(JSON.stringify(settings), parseKeySync(key));
}

export function fieldEncryption(connectionString: string, encryptionKey: string): Peer {
	const { fieldEncryptionExtension } = installed<FieldEncryption>('prisma-field-encryption');
	const prisma = openBarePrisma(connectionString);
	const { destination } = prisma.$extends(fieldEncryptionExtension({ encryptionKey, dmmf }));
	// An extended client has types of its own for the same operations.
	const work = destinationWork(() => destination as unknown as DestinationDelegate);
	const text = <Change extends { readonly settings: object }>(change: Change) => ({
		...change,
		// The types say object, because Prisma takes JSON here; the extension wants text.
		settings: JSON.stringify(change.settings) as unknown as object,
	});
	return {
		name: peers.fieldEncryption,
		readById: async (organizationId, id) => {
			const row = await work.readById(organizationId, id);
			return row === null ? null : parsed(row);
		},
		readOrganization: async (organizationId) =>
			(await work.readOrganization(organizationId)).map(parsed),
		readThousand: async () => (await work.readThousand()).map(parsed),
		create: async (organizationId, settings) =>
			parsed(await work.create(organizationId, text({ settings }).settings)),
		rename: async (change) => parsed(await work.rename(change)),
		replace: async (change) => parsed(await work.replace(text(change))),
		close: () => prisma.$disconnect(),
	};
}

function parsed(row: Read): Read {
	return Object.assign(row, { settings: JSON.parse(String(row.settings)) });
}
