import { loaderReads } from './loader-reads.ts';
import { maintenance } from './maintenance.ts';
import type { Operation } from './operation.ts';
import { organizationReads } from './organization-reads.ts';
import { serviceReads } from './service-reads.ts';
import { writes } from './writes.ts';

/** Everything that reads or writes this package's tables. */
export const operations: readonly Operation[] = [
	...organizationReads,
	...serviceReads,
	...loaderReads,
	...writes,
	...maintenance,
];
