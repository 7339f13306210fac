import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** What `processes/job.ts` does. */
export type Job =
	| { readonly kind: 'rotate'; readonly connectionString: string; readonly keys: string }
	| {
			readonly kind: 'purge';
			readonly connectionString: string;
			readonly keys: string;
			readonly olderThan: string;
	  };

/** Starts a job. Resolves once it begins. */
export async function startJob(program: string, job: Job): Promise<ChildProcess> {
	const child = fork(program, { env: { ...process.env, FAULTS_JOB: JSON.stringify(job) } });
	await once(child, 'message');
	return child;
}

/** Runs a job to its end. @throws if it fails. */
export async function runJob(program: string, job: Job): Promise<void> {
	const child = await startJob(program, job);
	const [code] = await once(child, 'exit');
	if (code !== 0) throw new Error(`${job.kind} ended with ${code}`);
}
