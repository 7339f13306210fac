import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { hasPgBouncer } from '../support/pgbouncer.ts';

const tried = hasPgBouncer ? test : test.skip;
if (!hasPgBouncer) {
	process.stderr.write(
		'Not tried, because PgBouncer is not installed: a Postgres that restarts behind it\n',
	);
}

tried(
	'a Postgres that restarts behind PgBouncer keeps what it answered, and clients go on',
	async () => {
		const { stdout } = await promisify(execFile)(process.execPath, [
			...['--import', 'tsx', join(__dirname, 'processes/pooler-restarts.ts')],
		]);
		const names = ['session', 'transaction', 'statement'].flatMap((mode) =>
			['SIGINT', 'SIGQUIT', 'SIGKILL'].map((signal) => `${mode}, ${signal}`),
		);
		expect(stdout.trim().split('\n')).toEqual(names);
	},
);
