import {
	type DestinationsLoader,
	destinationsFor,
	type LoadedDestination,
} from '@consent-io/destinations';
import { type ProviderRequest, requestOf } from './requests.ts';
import type { VisitorEvent } from './visitor-event.ts';

export interface PipelineOptions {
	readonly loader: DestinationsLoader;
	/** Sends a request to a provider; rejects where the provider does not accept it. */
	readonly send: (request: ProviderRequest) => Promise<void>;
	/** Gets what destinations of the type console write. */
	readonly log: (line: string) => void;
	/** Gets what could not be sent. The event went to the other destinations all the same. */
	readonly onFailure: (destination: LoadedDestination, error: unknown) => void;
}

/** Takes events to the destinations that their visitors' consent allows. */
export class Pipeline {
	readonly #options: PipelineOptions;

	constructor(options: PipelineOptions) {
		this.#options = options;
	}

	/**
	 * Where an event goes. While the database is unavailable it is answered from memory; where that is too old, it rejects with
	 * an error that `isDatabaseUnavailable()` knows: keep the event, and take it up again later.
	 */
	async destinationsOf({ organizationId, consent }: VisitorEvent): Promise<LoadedDestination[]> {
		const { loader } = this.#options;
		const enabled =
			// Without a turn of the event loop where it is in memory.
			loader.peek(organizationId, 'production') ??
			(await loader.findEnabled(organizationId, 'production'));
		return destinationsFor(enabled, consent).filter(({ settings }) => settings.enableServerSide);
	}

	/** Sends an event to each of its destinations; returns how many there were. */
	async handle(event: VisitorEvent): Promise<number> {
		const destinations = await this.destinationsOf(event);
		await Promise.all(destinations.map((destination) => this.#send(destination, event)));
		return destinations.length;
	}

	/** One provider's failure is nothing to the others. */
	async #send(destination: LoadedDestination, event: VisitorEvent): Promise<void> {
		const { send, log, onFailure } = this.#options;
		try {
			if (destination.type === 'console') {
				const { logLevel, prettyPrint } = destination.settings;
				log(`${logLevel}: ${JSON.stringify(event, null, prettyPrint ? 2 : 0)}`);
			} else await send(requestOf(destination, event));
		} catch (error) {
			onFailure(destination, error);
		}
	}
}
