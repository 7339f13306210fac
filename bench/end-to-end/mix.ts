import type { Variant } from '../measure.ts';
import { worker } from '../peers/measure-peers.ts';
import type { Contender } from '../peers/open-peers.ts';
import type { Row } from '../peers/rows.ts';

/** What a service does, in hundredths: mostly it reads what an organization has, to send events there. */
const shares = [
	{ work: "read one organization's destinations", percent: 90 },
	{ work: 'read one by id', percent: 5 },
	{ work: 'update name and settings', percent: 2 },
	{ work: 'update the name', percent: 2 },
	{ work: 'create', percent: 1 },
] as const;

export const mixDescription =
	"90 % reads of one organization's six, 5 % reads by id, 4 % updates, 1 % creations";

/** One operation a call, in an order that is the same for all. */
export function mixOf(contender: Contender, rows: readonly Row[]): Variant {
	const kinds = shares.flatMap(({ work, percent }) => {
		const run = worker(work, contender, rows);
		return Array.from({ length: percent }, () => run);
	});
	let turn = 0;
	return {
		name: contender.peer.name,
		run: async () => {
			// 37 and 100 have no divisor in common, so each comes up once in a hundred.
			turn = (turn + 37) % kinds.length;
			await kinds[turn]?.();
		},
	};
}
