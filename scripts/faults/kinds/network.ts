import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from '../fault.ts';
import { queryTimeout } from '../timeouts.ts';
import type { Weather } from '../weather-proxy.ts';

function weather(name: string, of: Weather, millis: number, recoverWithin?: number): Fault {
	return {
		name,
		...(recoverWithin === undefined ? {} : { recoverWithin }),
		async run({ proxy }) {
			proxy.setWeather(of);
			await delay(millis);
			proxy.setWeather({ kind: 'calm' });
			return undefined;
		},
	};
}

export const networkFaults: readonly Fault[] = [
	{
		name: 'connections reset',
		async run({ proxy }) {
			for (let round = 0; round < 10; round += 1) {
				proxy.reset();
				await delay(100);
			}
			return undefined;
		},
	},
	{
		name: 'connections half-closed',
		async run({ proxy }) {
			for (let round = 0; round < 10; round += 1) {
				proxy.halfClose();
				await delay(100);
			}
			return undefined;
		},
	},
	weather('answers cut in their middle', { kind: 'cut', perMille: 50 }, 1500),
	weather('delay of 100 ms', { kind: 'delay', millis: 100 }, 1500),
	weather('fragments of 7 bytes', { kind: 'fragments', bytes: 7 }, 1500),
	weather('black hole', { kind: 'black hole' }, queryTimeout + 1000, queryTimeout + 500),
];
