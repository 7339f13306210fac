import type { Client } from 'pg';
import type { TestLogins } from '../../src/testing/index.ts';

/** What the measurements share: a database of organizations with five destinations each, all enabled. */
export interface LoadingBench {
	readonly admin: Client;
	readonly logins: TestLogins;
	readonly keys: string;
	/** In the order of their ids. */
	readonly organizationIds: readonly string[];
	readonly rows: number;
}
