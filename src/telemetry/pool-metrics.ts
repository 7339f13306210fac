import type { Meter } from './open-telemetry.ts';

/** Connections of a pool at this moment. */
export interface PoolCounts {
	/** Open connections. */
	readonly total: number;
	/** Those of them that nobody uses. */
	readonly idle: number;
	/** Calls that wait for one. */
	readonly waiting: number;
	/** As many may be open. */
	readonly max: number;
}

/**
 * Has a meter observe a pool, by the conventions' names
 * (https://opentelemetry.io/docs/specs/semconv/database/database-metrics/#connection-pools). Returns what ends it.
 */
export function observePool(meter: Meter, name: string, counts: () => PoolCounts): () => void {
	const pool = { 'db.client.connection.pool.name': name };
	const connections = meter.createObservableUpDownCounter('db.client.connection.count', {
		description: 'The number of connections that are currently in the state.',
		unit: '{connection}',
	});
	const max = meter.createObservableUpDownCounter('db.client.connection.max', {
		description: 'The maximum number of open connections allowed.',
		unit: '{connection}',
	});
	const waiting = meter.createObservableUpDownCounter('db.client.connection.pending_requests', {
		description: 'The number of current pending requests for an open connection.',
		unit: '{request}',
	});
	const instruments = [connections, max, waiting];
	const observe: Parameters<Meter['addBatchObservableCallback']>[0] = (result) => {
		const now = counts();
		const inState = (state: string) => ({ ...pool, 'db.client.connection.state': state });
		result.observe(connections, now.idle, inState('idle'));
		result.observe(connections, now.total - now.idle, inState('used'));
		result.observe(max, now.max, pool);
		result.observe(waiting, now.waiting, pool);
	};
	meter.addBatchObservableCallback(observe, instruments);
	return () => meter.removeBatchObservableCallback(observe, instruments);
}
