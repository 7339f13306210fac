import { Client } from 'pg';
import type { ScopedSql } from '../../src/database/scoped-sql.ts';
import { Feed } from '../../src/loading/feed.ts';

/** The polls of a loader, on a connection that is its role from the start, without the rest of a loader. */
export class PlainFeed implements AsyncDisposable {
	readonly client: Client;
	readonly feed: Feed;
	/** What the last poll sent. */
	sent: { readonly text: string; readonly values: readonly unknown[] } = { text: '', values: [] };

	/** @param connectionString of a loader's login. */
	constructor(connectionString: string) {
		this.client = new Client({ connectionString });
		const notOfAFeed = () => Promise.reject(new Error('A feed does not call this'));
		const sql: ScopedSql = {
			run: async (_scope, text, values) => {
				this.sent = { text, values };
				const query = { name: 'poll', text, values, rowMode: 'array' as const };
				return (await this.client.query<(string | null)[]>(query)).rows;
			},
			...{ read: notOfAFeed, transaction: notOfAFeed },
		};
		this.feed = new Feed(sql);
	}

	async connect(): Promise<void> {
		await this.client.connect();
		await this.client.query('SET ROLE destinations_loader');
	}

	async poll(): Promise<void> {
		(await this.feed.poll()).accept();
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.client.end();
	}
}
