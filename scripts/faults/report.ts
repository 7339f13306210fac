import type { Fault } from './fault.ts';
import { faultKinds, type Part, type Tally } from './tally.ts';

/** What came of a fault. */
interface Recovery {
	/** After how many milliseconds the first had an answer, and each. */
	readonly first: number;
	readonly all: number;
	readonly note: string | undefined;
}

const columns = ['operations', 'refused', 'longest', 'first', 'all'] as const;
const headings = ['operations', 'refused', 'longest ms', 'first answer ms', 'all ms'];
const width = 38;

/** Prints each fault as it is over, and sums at the end. */
export class Report {
	readonly #tally: Tally;
	readonly #failures: string[] = [];
	readonly #untried = new Set<string>();
	#quiet = { operations: 0, millis: 0 };
	#longestRecovery = 0;

	constructor(tally: Tally) {
		this.#tally = tally;
		const heading = headings.map((text) => text.padStart(text.length + 2)).join('');
		process.stdout.write(`${'fault'.padEnd(width)}${heading}\n`);
	}

	get good(): boolean {
		return (
			this.#failures.length === 0 && faultKinds.every((kind) => this.#tally.faults[kind] === 0)
		);
	}

	failed(said: string): void {
		this.#failures.push(said);
		process.stdout.write(`FAILED: ${said}\n`);
	}

	untried({ name }: Fault, why: string): void {
		if (this.#untried.has(name)) return;
		this.#untried.add(name);
		process.stdout.write(`SKIPPED ${name}: ${why}\n`);
	}

	undisturbed({ operations }: Part, millis: number): void {
		this.#quiet = {
			operations: this.#quiet.operations + operations,
			millis: this.#quiet.millis + millis,
		};
	}

	tried({ name }: Fault, part: Part, { first, all, note }: Recovery): void {
		this.#longestRecovery = Math.max(this.#longestRecovery, first);
		const values = { ...part, first, all };
		const cells = columns.map((column, index) =>
			number(values[column]).padStart((headings[index]?.length ?? 0) + 2),
		);
		const errors = [...part.errors].map(([error, count]) => `${error} ${count}`).join(', ');
		const said = [note, errors].filter((text) => text !== undefined && text !== '').join('; ');
		process.stdout.write(`${name.padEnd(width)}${cells.join('')}  ${said}\n`);
	}

	print({ seconds, memory }: { seconds: number; memory: string }): void {
		const { total, faults, kinds, unknown } = this.#tally;
		const perSecond = (this.#quiet.operations / this.#quiet.millis) * 1000;
		const byKind = [...kinds].map(([kind, count]) => `${kind} ${number(count)}`).join(', ');
		const lines = [
			`${number(total.operations)} operations answered and checked in ${number(seconds)} s, ${number(perSecond)} a second undisturbed: ${byKind}`,
			`${number(total.refused)} refused: ${[...total.errors].map(([error, count]) => `${error} ${number(count)}`).join(', ')}`,
			`${number(unknown.done + unknown.notDone)} writes whose outcome was unknown: ${number(unknown.done)} were done, ${number(unknown.notDone)} were not, none half`,
			faultKinds.map((kind) => `${number(faults[kind])} ${kind}`).join(', '),
			`longest call ${number(total.longest)} ms, longest time to the first answer after a fault ${number(this.#longestRecovery)} ms`,
			memory,
		];
		process.stdout.write(`\n${lines.join('\n')}\n`);
		if (this.#untried.size > 0) {
			process.stdout.write(`NOT TRIED HERE: ${[...this.#untried].join(', ')}\n`);
		}
		process.stdout.write(this.good ? 'All of it holds.\n' : 'It does NOT hold; see above.\n');
	}
}

function number(value: number): string {
	return Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : 'never';
}
