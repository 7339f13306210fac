import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { AlwaysOffSampler, BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { currentOperation } from '../../src/telemetry/operation.ts';
import { Operations } from '../../src/telemetry/operations.ts';

// The API is installed here, as beside any library that uses it, and a service may have no SDK.

const kind = { name: 'destinations.list', operation: 'list', table: 'destinations' };
const inOperation = (operations: Operations) =>
	operations.run(kind, async () => [currentOperation()?.kind.name, trace.getActiveSpan()]);

afterEach(() => {
	trace.disable();
	metrics.disable();
	context.disable();
});

test('where nobody listens, an operation only runs', async () => {
	expect(await inOperation(new Operations({}))).toEqual([undefined, undefined]);
});

test('who listens by onOperation is told, without an SDK', async () => {
	const told: string[] = [];
	const operations = new Operations({}, ({ name }) => told.push(name));
	expect(await inOperation(operations)).toEqual([kind.name, undefined]);
	expect(told).toEqual([kind.name]);
});

test('an SDK for metrics alone is told', async () => {
	metrics.setGlobalMeterProvider(new MeterProvider());
	expect(await inOperation(new Operations({}))).toEqual([kind.name, undefined]);
});

test('an SDK that is set up later is told, and one that samples nothing has its span around what runs', async () => {
	const operations = new Operations({});
	context.setGlobalContextManager(new AsyncLocalStorageContextManager());
	trace.setGlobalTracerProvider(new BasicTracerProvider({ sampler: new AlwaysOffSampler() }));
	const [name, span] = await inOperation(operations);
	expect(name).toBe(kind.name);
	expect(span).toMatchObject({ isRecording: expect.any(Function) });
});
