import { EventEmitter } from 'node:events';
import { z } from 'zod';
import type { DestinationsError } from '../errors.ts';
import { callback } from '../input/checks.ts';
import { checkArgument } from '../input/options.ts';
import type { LoaderStatus } from './status.ts';

/** Something that did not work, and was not thrown. */
export interface LoaderFailure {
	/** Why. Without keys and settings. */
	readonly error: DestinationsError;
	/** The destination that is left out; not there where the database is unavailable. */
	readonly destinationId?: string;
	/** Its organization. */
	readonly organizationId?: string;
	/** How many failures there were since the start, this one included. */
	readonly count: number;
}

/** What a loader reports, and what listeners get. */
export interface LoaderEvents {
	/** Organizations that changed, and were forgotten: the next call reads them. `all` where it cannot be known which. */
	change: [{ readonly organizationIds: readonly string[] | 'all' }];
	/** The status is another one. */
	status: [LoaderStatus];
	/** A row was left out, or a poll failed. */
	failure: [LoaderFailure];
}

const names = ['change', 'status', 'failure'] as const satisfies (keyof LoaderEvents)[];
const eventName = z.enum(names, { error: `must be one of ${names.join(', ')}` });

/** Listeners of a loader. */
export class Listeners {
	readonly #emitter = new EventEmitter();

	/** Later, so that a listener that throws ends nothing but what Node lets it end. */
	emit<Name extends keyof LoaderEvents>(name: Name, ...given: LoaderEvents[Name]): void {
		if (this.#emitter.listenerCount(name) === 0) return;
		process.nextTick(() => this.#emitter.emit(name, ...given));
	}

	add(name: keyof LoaderEvents, listener: (...given: never) => void): void {
		this.#emitter.on(...checked(name, listener));
	}

	remove(name: keyof LoaderEvents, listener: (...given: never) => void): void {
		this.#emitter.off(...checked(name, listener));
	}
}

function checked(name: unknown, listener: unknown) {
	return [
		checkArgument('event', eventName, name),
		checkArgument('listener', callback<(...given: unknown[]) => void>(), listener),
	] as const;
}
