import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from '../fault.ts';
import { queryTimeout } from '../timeouts.ts';
import type { Weather, WeatherProxy } from '../weather-proxy.ts';

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

function breaking(name: string, breakAll: (proxy: WeatherProxy) => void): Fault {
	return {
		name,
		async run({ proxy }) {
			for (let round = 0; round < 10; round += 1) {
				breakAll(proxy);
				await delay(100);
			}
			return undefined;
		},
	};
}

export const networkFaults: readonly Fault[] = [
	breaking('connections reset', (proxy) => proxy.reset()),
	breaking('connections half-closed', (proxy) => proxy.halfClose()),
	weather('answers cut in their middle', { kind: 'cut', perMille: 50 }, 1500),
	weather('delay of 100 ms', { kind: 'delay', millis: 100 }, 1500),
	weather('fragments of 7 bytes', { kind: 'fragments', bytes: 7 }, 1500),
	weather('black hole', { kind: 'black hole' }, queryTimeout + 1000, queryTimeout + 500),
];
