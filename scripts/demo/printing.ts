import { styleText } from 'node:util';
import { DestinationsError } from '../../src/index.ts';

let step = 0;

export function title(text: string): void {
	step += 1;
	print(`\n${styleText('bold', `${step}. ${text}`)}`);
}

export function print(text: string): void {
	process.stdout.write(`${text}\n`);
}

export function show(value: unknown): void {
	const lines = JSON.stringify(value, null, 2).split('\n');
	print(lines.map((line) => `   ${line}`).join('\n'));
}

/** Runs what must be refused, and shows the refusal. */
export async function refused(what: () => Promise<unknown>): Promise<void> {
	try {
		await what();
	} catch (error) {
		if (!(error instanceof DestinationsError)) throw error;
		print(`   refused with ${styleText('yellow', error.code)}: ${error.message}`);
		return;
	}
	throw new Error('This should have been refused.');
}
