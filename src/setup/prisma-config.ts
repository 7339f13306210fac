import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const line = `export { default } from '@consent-io/destinations/prisma-config';\n`;

/** As Prisma looks for its configuration (https://www.prisma.io/docs/orm/reference/prisma-config-reference). */
const ofPrisma = /^prisma\.config\.(?:[cm]?[jt]s)$/;

/** The configuration by which Prisma's command runs the migrations of this package. */
export interface PrismaConfig {
	readonly name: string;
	readonly exists: boolean;
	/** Whether Prisma's command needs `--config` with it, because the service has a project of its own. */
	readonly beside: boolean;
}

export async function findPrismaConfig(folder: string): Promise<PrismaConfig> {
	const names = await readdir(folder);
	for (const name of names.filter((name) => ofPrisma.test(name))) {
		const text = await readFile(join(folder, name), 'utf8');
		if (text.includes('@consent-io/destinations/prisma-config')) {
			return { name, exists: true, beside: false };
		}
		const beside = 'destinations.config.ts';
		return { name: beside, exists: names.includes(beside), beside: true };
	}
	return { name: 'prisma.config.ts', exists: false, beside: false };
}

export async function writePrismaConfig(folder: string, { name }: PrismaConfig): Promise<void> {
	// Fails where somebody made it meanwhile.
	await writeFile(join(folder, name), line, { flag: 'wx' });
}

/** How to run the migrations by it. */
export function deployCommand({ name, beside }: PrismaConfig): string {
	return `npx prisma migrate deploy${beside ? ` --config ${name}` : ''}`;
}
