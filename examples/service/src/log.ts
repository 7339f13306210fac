import { DestinationsError } from '@consent-io/destinations';
import type { FastifyServerOptions } from 'fastify';

type LogOptions = Exclude<FastifyServerOptions['logger'], boolean | undefined>;

/** JSON lines that hold no secret, whatever fails. */
export function logOptions(
	level: string,
	stream: LogOptions['stream'] = process.stdout,
): LogOptions {
	return { level, stream, serializers: { err: describeError } };
}

/**
 * Messages of other libraries stay out: Prisma's repeat the arguments of a call, and Postgres's the values of a
 * row. The code and the place say what happened.
 */
function describeError(error: Error) {
	const frames = error.stack?.match(/^ {4}at .+$/gm) ?? [];
	return {
		type: error.name,
		code: 'code' in error ? String(error.code) : undefined,
		message: error instanceof DestinationsError ? error.message : 'not logged',
		stack: frames.map((frame) => frame.trim()).join('\n'),
	};
}
