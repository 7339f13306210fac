import { setTimeout as delay } from 'node:timers/promises';
import type { Destination, DestinationsClient, DestinationsLoader } from '@consent-io/destinations';

export interface Edit {
	/** When it was committed, on the clock of `performance`. */
	readonly at: number;
	/** Milliseconds from then until the loader knew. */
	readonly freshness: number;
}

/** Switches destinations off and on, as people do in the Admin, and looks when the loader knows. */
export async function editDestinations(
	db: DestinationsClient,
	loader: DestinationsLoader,
	destinations: readonly Destination[],
	until: AbortSignal,
): Promise<Edit[]> {
	const edits: Edit[] = [];
	for (let turn = 0; !until.aborted; turn += 1) {
		const destination = destinations[(turn * 7) % destinations.length];
		if (destination === undefined) break;
		const { id, organizationId } = destination;
		const isOn = async () =>
			(await loader.findEnabled(organizationId, 'production')).some((one) => one.id === id);
		const enabled = !(await isOn());
		await db.forOrganization(organizationId).destinations.update(id, { enabled });
		const at = performance.now();
		while ((await isOn()) !== enabled) await delay(1);
		edits.push({ at, freshness: performance.now() - at });
		await delay(Math.random() * 100);
	}
	return edits;
}
