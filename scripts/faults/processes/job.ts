/** A process that does one of the long jobs, and can be killed at any moment. */
import { createDestinationsClient, rotateKeys } from '../../../src/index.ts';
import type { Job } from '../jobs.ts';

const job: Job = JSON.parse(process.env.FAULTS_JOB ?? '{}');
process.send?.('begins');
if (job.kind === 'rotate') {
	const { kind: _, ...options } = job;
	const { failed } = await rotateKeys({ ...options, batchSize: 50 });
	process.exitCode = failed > 0 ? 1 : 0;
} else {
	const { connectionString, keys, olderThan } = job;
	await using db = createDestinationsClient({ connectionString, keys });
	await db.asService().destinations.purgeDeleted({ olderThan: new Date(olderThan), batch: 5 });
}
process.disconnect();
