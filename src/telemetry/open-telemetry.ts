import * as installed from '@opentelemetry/api';

/**
 * OpenTelemetry's API, where the service has installed it: the build puts nothing in its place where it has not. This
 * file alone imports it.
 */
const api: Partial<typeof installed> = installed;

/** Who instruments, as exporters show it. */
const scopeName = '@consent-io/destinations';

export type { Attributes, Histogram, Meter, Span } from '@opentelemetry/api';

/** Where spans begin and metrics are recorded: with an SDK that the service has set up, or nowhere. */
export interface OpenTelemetry {
	startSpan(name: string, attributes: installed.Attributes): installed.Span;
	/** Runs `work` with a span as the one that is active, so that spans of pg and others are inside it. */
	within<T>(span: installed.Span, work: () => T): T;
	readonly meter: installed.Meter;
}

/**
 * What the service has of OpenTelemetry when it opens a client; undefined where the API is not installed. The meters of
 * the API, unlike its tracers, do not follow an SDK that is set up later.
 */
export function openTelemetry(): OpenTelemetry | undefined {
	const { trace, context, metrics, SpanKind } = api;
	if (!trace || !context || !metrics || !SpanKind) return undefined;
	const tracer = trace.getTracer(scopeName);
	return {
		startSpan: (name, attributes) => tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }),
		within: (span, work) => context.with(trace.setSpan(context.active(), span), work),
		meter: metrics.getMeter(scopeName),
	};
}

/** The status of a span whose operation failed (SpanStatusCode.ERROR of the API). */
export const failedStatus = { code: 2 } as const;
