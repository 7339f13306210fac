import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ConsentPurpose } from '@consent-io/destinations';
import type { VisitorEvent } from './visitor-event.ts';

/** What a banner offers: some visitors allow all, some a part, some nothing. */
const choices: readonly (readonly ConsentPurpose[])[] = [
	['measurement', 'marketing'],
	['measurement'],
	['marketing'],
	[],
];

/** STAND-IN for the stream of events: visitors of these organizations, for so many seconds. */
export async function* visitorEvents(
	organizationIds: readonly string[],
	{ perSecond, seconds }: { readonly perSecond: number; readonly seconds: number },
): AsyncGenerator<VisitorEvent> {
	const start = performance.now();
	for (let sent = 0; sent < perSecond * seconds; sent += 1) {
		const due = start + (1000 * sent) / perSecond - performance.now();
		if (due > 1) await delay(due);
		yield visitorEvent(some(organizationIds));
	}
}

export function visitorEvent(organizationId: string): VisitorEvent {
	return {
		...{ id: randomUUID(), organizationId, visitorId: randomUUID(), time: Date.now() },
		...{ name: 'page_view', url: 'https://shop.example/shoes', consent: some(choices) },
	};
}

function some<T>(list: readonly T[]): T {
	const one = list[Math.floor(Math.random() * list.length)];
	if (one === undefined) throw new Error('There is nothing to choose from');
	return one;
}

/** Handles events as they come, at most so many at once: a stream that is read faster would pile up here. */
export async function consume(
	events: AsyncGenerator<VisitorEvent>,
	handle: (event: VisitorEvent) => Promise<unknown>,
	atOnce = 64,
): Promise<void> {
	const worker = async () => {
		for (;;) {
			const next = await events.next();
			if (next.done === true) return;
			await handle(next.value);
		}
	};
	await Promise.all(Array.from({ length: atOnce }, worker));
}
