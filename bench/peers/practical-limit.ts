import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import { deriveTenantKey, netstring, type TenantKey } from '../../src/keys/tenant-key.ts';
import { peers } from './names.ts';
import { type Peer, type Read, thousand } from './peer.ts';
import { PipelinedStatement, type Texts } from './pipelined-statement.ts';

/** Times as numbers and lists as JSON, because pg's own forms of them take longer to read. */
const columns = `id, organization_id, type, name, description, environment, settings, settings_encrypted,
	array_to_json(required_consent), enabled, test_mode, (extract(epoch FROM last_tested_at) * 1000)::float8,
	connection_status, last_error, version, (extract(epoch FROM created_at) * 1000)::float8,
	(extract(epoch FROM updated_at) * 1000)::float8, created_by, updated_by`;

const statements = {
	readById: `SELECT ${columns} FROM destinations WHERE id = $1 AND deleted_at IS NULL`,
	readOrganization: `SELECT ${columns} FROM destinations WHERE organization_id = $1 AND deleted_at IS NULL
		ORDER BY created_at DESC, id DESC`,
	readThousand: `SELECT ${columns} FROM destinations WHERE deleted_at IS NULL LIMIT ${thousand}`,
	create: `INSERT INTO destinations (id, organization_id, type, name, settings)
		VALUES ($1, $2, $3, 'bench', $4) RETURNING ${columns}`,
	rename: `UPDATE destinations SET name = $2 WHERE id = $1 AND deleted_at IS NULL RETURNING ${columns}`,
	replace: `UPDATE destinations SET name = $2, settings = $3
		WHERE id = $1 AND deleted_at IS NULL RETURNING ${columns}`,
};

/**
 * What one would write by hand for this table alone to be fast: SQL over pg in one round trip under row level
 * security, statements kept prepared, AES-256-GCM bound to the row. On the same tables as this package, so the log
 * is kept too. Not there: validation, typed errors, key rotation, transactions, and the check that neither a
 * statement nor a connection leaves its scope.
 */
export function practicalLimit(
	logins: { readonly connectionString: string; readonly serviceConnectionString: string },
	{ id: keyId, bytes }: { readonly id: string; readonly bytes: Uint8Array },
): Peer {
	const tenants = new Pool({ connectionString: logins.connectionString });
	const service = new Pool({ connectionString: logins.serviceConnectionString });
	// As the server stops, connections that are being closed may still report that.
	for (const pool of [tenants, service]) pool.on('error', () => {});
	const keys = new Map<string, TenantKey>();
	const keyOf = (organizationId: string): TenantKey => {
		const known = keys.get(organizationId);
		if (known !== undefined) return known;
		const key = deriveTenantKey(bytes, keyId, organizationId);
		keys.set(organizationId, key);
		return key;
	};
	const run = async (
		name: keyof typeof statements,
		values: unknown[],
		organizationId?: string,
	): Promise<Read[]> => {
		const role = organizationId === undefined ? 'service_role' : 'authenticated';
		const claims = JSON.stringify({ role, organization_id: organizationId });
		const pool = organizationId === undefined ? service : tenants;
		const client = await pool.connect();
		try {
			const rows = await new Promise<Texts[]>((resolve, reject) => {
				client.query(
					new PipelinedStatement(
						{ name, text: statements[name] },
						values,
						[role, claims],
						(error, rows) => (error === undefined ? resolve(rows) : reject(error)),
					),
				);
			});
			return rows.map((texts) => readRow(texts, keyOf));
		} finally {
			client.release();
		}
	};
	const one = async (...[name, values, organizationId]: Parameters<typeof run>): Promise<Read> => {
		const [row] = await run(name, values, organizationId);
		if (row === undefined) throw new Error('No row was written');
		return row;
	};
	return {
		name: peers.limit,
		readById: async (organizationId, id) =>
			(await run('readById', [id], organizationId))[0] ?? null,
		readOrganization: (organizationId) => run('readOrganization', [organizationId], organizationId),
		readThousand: () => run('readThousand', []),
		create: (organizationId, settings) => {
			const id = randomUUID();
			const sealed = seal(settings, keyOf(organizationId), id, 'posthog');
			return one('create', [id, organizationId, 'posthog', sealed], organizationId);
		},
		rename: ({ organizationId, id, name }) => one('rename', [id, name], organizationId),
		replace: ({ organizationId, id, type, name, settings }) => {
			const sealed = seal(settings, keyOf(organizationId), id, type);
			return one('replace', [id, name, sealed], organizationId);
		},
		close: async () => {
			await Promise.all([tenants.end(), service.end()]);
		},
	};
}

function readRow(texts: Texts, keyOf: (organizationId: string) => TenantKey): Read {
	const [id = '', organizationId = '', type = '', name = '', description, environment] =
		texts as string[];
	const sealed = JSON.parse(texts[6] ?? '{}');
	const key = keyOf(organizationId);
	return Object.assign(
		{
			id,
			organizationId,
			type,
			name,
			settings: texts[7] === 't' ? open(sealed, key, id, type) : sealed,
			createdAt: new Date(Number(texts[15])),
		},
		{
			description,
			environment,
			settingsEncrypted: texts[7] === 't',
			requiredConsent: JSON.parse(texts[8] ?? '[]'),
			enabled: texts[9] === 't',
			testMode: texts[10] === 't',
			lastTestedAt: texts[11] == null ? null : new Date(Number(texts[11])),
			connectionStatus: texts[12],
			lastError: texts[13],
			version: Number(texts[14]),
			updatedAt: new Date(Number(texts[16])),
			createdBy: texts[17],
			updatedBy: texts[18],
		},
	);
}

function seal(settings: object, key: TenantKey, id: string, type: string): string {
	const nonce = randomBytes(12);
	const cipher = createCipheriv('aes-256-gcm', key.cipherKey, nonce, { authTagLength: 16 });
	cipher.setAAD(Buffer.from(key.boundTo + netstring(id) + netstring(type)));
	const sealed = [cipher.update(JSON.stringify(settings)), cipher.final(), cipher.getAuthTag()];
	return JSON.stringify({
		v: 1,
		alg: 'A256GCM',
		kid: key.keyId,
		kc: key.commitment,
		iv: nonce.toString('base64url'),
		ct: Buffer.concat(sealed).toString('base64url'),
	});
}

function open(envelope: Record<string, string>, key: TenantKey, id: string, type: string): unknown {
	const { kid, kc, iv = '', ct = '' } = envelope;
	if (kid !== key.keyId || kc !== key.commitment) throw new Error('Sealed with another key');
	const sealed = Buffer.from(ct, 'base64url');
	const nonce = Buffer.from(iv, 'base64url');
	const decipher = createDecipheriv('aes-256-gcm', key.cipherKey, nonce, { authTagLength: 16 });
	decipher.setAAD(Buffer.from(key.boundTo + netstring(id) + netstring(type)));
	decipher.setAuthTag(sealed.subarray(-16));
	const text = decipher.update(sealed.subarray(0, -16));
	decipher.final();
	return JSON.parse(text.toString());
}
