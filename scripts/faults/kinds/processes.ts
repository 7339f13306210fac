import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type Fault, type Stage, Untried } from '../fault.ts';
import type { Measured } from '../messages.ts';

/** Those that may be killed. The first is the one whose memory is measured. */
const killable = ({ load }: Stage) => load.workers.slice(1);

const hour = 3600;

export const processFaults: readonly Fault[] = [
	{
		name: 'kill -9 of writers',
		async run(stage) {
			for (const worker of killable(stage)) {
				await worker.kill();
				await worker.ready();
			}
			return undefined;
		},
	},
	{
		name: 'SIGSTOP of a writer',
		async run(stage) {
			const [worker] = killable(stage);
			worker?.signal('SIGSTOP');
			await delay(2500);
			worker?.signal('SIGCONT');
			return undefined;
		},
	},
	{
		name: 'blocked event loops',
		async run({ load }) {
			await Promise.all(load.workers.map((worker) => worker.send({ block: 1500 })));
			return undefined;
		},
	},
	{
		name: 'clock jumps',
		async run({ clock, load }) {
			if (clock === undefined) {
				throw new Untried('there is no libfaketime (Debian: apt-get install libfaketime)');
			}
			const [fooled] = load.workers.slice(-1);
			for (const seconds of [hour, -hour, 24 * hour, 0]) {
				await writeFile(clock, `${seconds < 0 ? '' : '+'}${seconds}`);
				await delay(400);
				const measured = await fooled?.send<Measured>({ measure: true });
				const off = ((measured?.now ?? 0) - Date.now()) / 1000;
				if (Math.abs(off - seconds) > 60) throw new Error(`the clock is off by ${off} s`);
			}
			return undefined;
		},
	},
];
