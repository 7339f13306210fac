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
	/** Nothing where no SDK is set up: then nobody has a use for it. */
	startSpan(name: string, attributes: installed.Attributes): installed.Span | undefined;
	/** Runs `work` with a span as the one that is active, so that spans of pg and others are inside it. */
	within<T>(span: installed.Span, work: () => T): T;
	/** Undefined where no SDK is set up. */
	readonly meter: installed.Meter | undefined;
}

/**
 * What the service has of OpenTelemetry when it opens a client; undefined where the API is not installed. The meters of
 * the API, unlike its tracers, do not follow an SDK that is set up later.
 */
export function openTelemetry(): OpenTelemetry | undefined {
	const { trace, context, metrics, SpanKind, isSpanContextValid, createNoopMeter } = api;
	if (!trace || !context || !metrics || !SpanKind || !isSpanContextValid || !createNoopMeter) {
		return undefined;
	}
	const tracer = trace.getTracer(scopeName);
	const meter = metrics.getMeter(scopeName);
	return {
		startSpan(name, attributes) {
			const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes });
			// Of an SDK every span has one, also where it is not sampled.
			return isSpanContextValid(span.spanContext()) ? span : undefined;
		},
		within: (span, work) => context.with(trace.setSpan(context.active(), span), work),
		meter: meter.constructor === createNoopMeter().constructor ? undefined : meter,
	};
}

/** The status of a span whose operation failed (SpanStatusCode.ERROR of the API). */
export const failedStatus = { code: 2 } as const;
