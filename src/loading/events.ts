import { EventEmitter } from 'node:events';
import { z } from 'zod';
import type { DestinationsError } from '../errors.ts';
import { callback } from '../input/checks.ts';
import { checkArgument } from '../input/options.ts';
import type { LoaderStatus } from './status.ts';

/** A failure that the loader reports instead of throwing it. */
export interface LoaderFailure {
	/** What failed. The error holds no keys and no settings. */
	readonly error: DestinationsError;
	/** The destination that was left out; not set if the database is unavailable. */
	readonly destinationId?: string;
	/** The organization of that destination. */
	readonly organizationId?: string;
	/** How many failures there were since the start, this one included. */
	readonly count: number;
}

/** The events of a loader, and what their listeners receive. */
export interface LoaderEvents {
	/**
	 * Organizations that changed and were removed from memory: the next call reads them. `all` if it is not known which ones
	 * changed.
	 */
	change: [{ readonly organizationIds: readonly string[] | 'all' }];
	/** The status has changed to this one. */
	status: [LoaderStatus];
	/** A destination was left out, or a poll failed. */
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
