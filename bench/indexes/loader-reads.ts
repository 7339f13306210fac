import { Feed } from '../../src/loading/feed.ts';
import { readOrganizations, readPage } from '../../src/loading/rows.ts';
import type { Operation } from './operation.ts';

const nobody = '00000000-0000-0000-0000-000000000000';

/** What a loader sends. */
export const loaderReads: readonly Operation[] = [
	{
		name: 'loader: read an organization',
		by: [
			'idx_destinations_org_enabled',
			'idx_destinations_org_env',
			'destinations_org_type_env_unique',
		],
		run: (actors) => readOrganizations(actors.loader, [actors.small().organizationId]),
	},
	{
		name: 'loader: a page of preload',
		by: ['idx_destinations_org_enabled'],
		ordered: true,
		run: (actors) => readPage(actors.loader, nobody, 500),
	},
	{
		name: 'loader: poll',
		by: ['idx_destination_audit_log_transaction'],
		run: async (actors) => {
			const feed = new Feed(actors.loader);
			(await feed.poll()).accept();
			await feed.poll();
		},
	},
];
