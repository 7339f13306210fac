import { AsyncLocalStorage } from 'node:async_hooks';
import { UnsupportedError } from '../../errors.ts';
import type { Model } from './models.ts';

/** An operation on guarded rows that was called on an extended client. */
interface Call {
	readonly model: Model;
	/** Whether the extension has seen it. */
	seen: boolean;
}

const currentCall = new AsyncLocalStorage<Call>();

/** Says that the extension has seen the operation that is under way. */
export function markSeen(model: Model): void {
	const call = currentCall.getStore();
	if (call?.model === model) call.seen = true;
}

/**
 * Sees to it that results of one promise come by the extension. A query extension that was added earlier is called
 * earlier, and may answer by itself, as those do that read from another server. What it returns is neither opened
 * nor restricted to live rows.
 */
export class SeenCall {
	readonly #call: Call;

	constructor(model: Model) {
		this.#call = { model, seen: false };
	}

	/** Runs what makes Prisma send the operation. */
	async run(send: () => PromiseLike<unknown>): Promise<unknown> {
		const result = await currentCall.run(this.#call, send);
		if (this.#call.seen) return result;
		throw new UnsupportedError(
			'Another extension answered this operation before destinationsExtension saw it, so what it returned may be encrypted or deleted. Add destinationsExtension first, and the other extension to the client that it returns.',
		);
	}
}
