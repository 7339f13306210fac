/** A process that adopts a table, as the command does, and says what came of it. */
import { constants, setPriority } from 'node:os';
import { type Adopted, adopt } from '../src/adoption/adopt.ts';

export interface AdoptionReport extends Adopted {
	/** How long the copying took, from its first row to the last. */
	readonly copySeconds: number;
	readonly seconds: number;
}

setPriority(constants.priority.PRIORITY_LOW);

process.once('message', async (order: { connectionString: string; keys: string }) => {
	const start = performance.now();
	const at = new Map<string, number>();
	const adopted = await adopt({
		...order,
		goal: 'apply',
		onStep: (step) => at.set(step, performance.now()),
	});
	const between = (from: string, to: string) => ((at.get(to) ?? 0) - (at.get(from) ?? 0)) / 1000;
	const report: AdoptionReport = {
		...adopted,
		copySeconds: between('copy the rows', 'copy again what has changed meanwhile'),
		seconds: (performance.now() - start) / 1000,
	};
	process.send?.(report, () => process.disconnect());
});
