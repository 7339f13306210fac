/** A process that purges when it is told to, and kills itself at a moment that it is told. */
import type { PurgePart } from '../../../src/retention/options.ts';
import { purgeExpired } from '../../../src/retention/purge-expired.ts';

export interface PurgingOrders {
	readonly connectionString: string;
	readonly exportTo: string;
	readonly batchSize: number;
	/** Where it kills itself: so many steps into a part, and so many milliseconds behind that. */
	readonly kill?: { readonly part: PurgePart; readonly step: number; readonly behind: number };
}

process.on('message', ({ connectionString, exportTo, batchSize, kill }: PurgingOrders) => {
	let steps = 0;
	const olderThan = new Date('2021-01-01');
	purgeExpired({
		...{ connectionString, exportTo, batchSize },
		...{ deletedOlderThan: olderThan, settingsOlderThan: olderThan, logOlderThan: olderThan },
		onProgress({ part, done }) {
			if (part === kill?.part && done > 0) steps += 1;
			if (steps === kill?.step) {
				setTimeout(() => process.kill(process.pid, 'SIGKILL'), kill.behind);
			}
		},
	}).then(
		(result) => process.send?.({ result }, () => process.exit()),
		(error) => process.send?.({ error: String(error) }, () => process.exit(1)),
	);
});
process.send?.({ ready: true });
