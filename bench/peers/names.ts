/** What the peers are called, in results, tables and pictures. */
export const peers = {
	ours: 'this package',
	/** Its Prisma client, in a scope, in the place of its repository. */
	oursByPrisma: 'this package, by Prisma',
	/** Its repository, where this process has not read the destination before. */
	unread: 'this package, not read before',
	bare: 'bare Prisma',
	named: 'bare Prisma, named statements',
	logged: 'bare Prisma, on logged tables',
	rowLevelSecurity: 'Prisma’s RLS example',
	fieldEncryption: 'prisma-field-encryption',
	barePg: 'bare pg',
	limit: 'pg by hand',
} as const;

/** What is measured for writes alone. */
export const writing: readonly string[] = [peers.unread, peers.logged];

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
