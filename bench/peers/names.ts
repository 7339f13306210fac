/** What the peers are called, in results, tables and pictures. */
export const peers = {
	ours: 'this package',
	/** Its Prisma client, in a scope, in the place of its repository. */
	oursByPrisma: 'this package, by Prisma',
	bare: 'bare Prisma',
	named: 'bare Prisma, named statements',
	logged: 'bare Prisma, on logged tables',
	rowLevelSecurity: 'Prisma’s RLS example',
	fieldEncryption: 'prisma-field-encryption',
	barePg: 'bare pg',
	limit: 'pg by hand',
} as const;

/** What is compared with bare Prisma, in the order in which readers see it. */
export const compared = [
	peers.ours,
	peers.oursByPrisma,
	peers.named,
	peers.rowLevelSecurity,
	peers.fieldEncryption,
	peers.barePg,
	peers.limit,
];
