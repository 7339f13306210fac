import { randomBytes } from 'node:crypto';
import { withDatabase } from './database.ts';
import { measureFeed } from './loading/feed.ts';
import { measureHerd } from './loading/herd.ts';
import { measureHits } from './loading/hits.ts';
import { measureFreshness } from './loading/known.ts';
import type { LoadingBench } from './loading/loading-bench.ts';
import { measureMemory } from './loading/memory.ts';
import { measurePipeline } from './loading/pipeline.ts';
import { measurePreload } from './loading/preload.ts';
import { measureWrites } from './loading/writes.ts';
import { quick } from './measure.ts';
import type { Figure, Report } from './report.ts';
import { insertSealedRows } from './sealed-rows.ts';

const perOrganization = 5;
/** For a shorter run, give fewer as BENCH_LOADING_ROWS. */
const rows = Number(process.env.BENCH_LOADING_ROWS ?? (quick ? 20_000 : 500_000));

/** What a loader answers with, how soon it knows of a change, and what it costs everybody else. */
export function benchLoading(): Promise<Report> {
	return withDatabase(async ({ admin, logins }) => {
		const key = randomBytes(32);
		await insertSealedRows(admin, {
			count: rows,
			key,
			keyId: 'bench',
			types: ['posthog', 'meta-pixel', 'google-analytics', 'mixpanel', 'amplitude'],
			environments: ['production'],
		});
		const found = await admin.query<{ id: string }>('SELECT id FROM organizations ORDER BY id');
		const bench: LoadingBench = {
			...{ admin, logins, rows },
			keys: `bench:${key.toString('hex')}`,
			organizationIds: found.rows.map(({ id }) => id),
		};
		const figures: Figure[] = [
			...(await measureHits(bench)),
			await measureMemory(bench),
			await measureHerd(bench),
			await measureFreshness(bench),
			...(await measureWrites(bench)),
			await measurePreload(bench),
			...(await measurePipeline(bench)),
			// The last, because it fills the log.
			...(await measureFeed(bench)),
		];
		return {
			title: `A loader, on ${rows} destinations of ${rows / perOrganization} organizations`,
			figures,
		};
	});
}
