import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import {
	BasicTracerProvider,
	InMemorySpanExporter,
	type ReadableSpan,
	SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import type { OperationReport } from '../../src/index.ts';

/** A reader that a test asks. */
class AskedReader extends MetricReader {
	protected override async onShutdown(): Promise<void> {}
	protected override async onForceFlush(): Promise<void> {}
}

/** Everything by which operations are seen: OpenTelemetry's SDK as a service sets it up, and `onOperation`. */
export class Exporters {
	readonly reports: OperationReport[] = [];
	/** Every text that came out, since the beginning. */
	readonly everything: string[] = [];
	readonly #exporter = new InMemorySpanExporter();
	readonly #reader = new AskedReader();

	/** Before the clients are made that are looked at. */
	constructor() {
		const spanProcessors = [new SimpleSpanProcessor(this.#exporter)];
		trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors }));
		metrics.setGlobalMeterProvider(new MeterProvider({ readers: [this.#reader] }));
		context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
	}

	readonly onOperation = (report: OperationReport): void => {
		this.reports.push(report);
		this.everything.push(JSON.stringify(report));
	};

	/** The spans since the last call. */
	spans(): ReadableSpan[] {
		const spans = this.#exporter.getFinishedSpans();
		for (const { name, attributes, events, status, links } of spans) {
			this.everything.push(JSON.stringify({ name, attributes, events, status, links }));
		}
		this.#exporter.reset();
		return spans;
	}

	/** What metrics there are, by name. */
	async metrics() {
		const { resourceMetrics } = await this.#reader.collect();
		const all = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
		this.everything.push(JSON.stringify(all));
		return new Map(all.map((metric) => [metric.descriptor.name, metric]));
	}

	/** Forgets reports and spans. */
	clear(): void {
		this.spans();
		this.reports.length = 0;
	}

	stop(): void {
		trace.disable();
		metrics.disable();
		context.disable();
	}
}
