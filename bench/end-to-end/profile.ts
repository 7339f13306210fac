import { readFileSync } from 'node:fs';
import type { Profiler, Runtime } from 'node:inspector';
import { Session } from 'node:inspector/promises';
import { findSourceMap, SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Where a process spent its time. */
export interface Profile {
	/** Share of the time by area, the largest first; idle included. */
	readonly areas: readonly Share[];
	/** This package's own functions, by the time spent in themselves and in what they call of Node and JavaScript. */
	readonly own: readonly Share[];
}

interface Share {
	readonly name: string;
	/** Of the time that the process was not idle; of all of it for `idle`. */
	readonly percent: number;
}

/** Samples V8's profile while the work is done, each half a millisecond. */
export async function profile(work: () => Promise<unknown>): Promise<Profile> {
	const session = new Session();
	session.connect();
	try {
		await session.post('Profiler.enable');
		await session.post('Profiler.setSamplingInterval', { interval: 500 });
		await session.post('Profiler.start');
		await work();
		const { profile } = await session.post('Profiler.stop');
		return summarize(profile);
	} finally {
		session.disconnect();
	}
}

function summarize({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Profile {
	const callers = callersOf(nodes);
	const areas = new Map<string, number>();
	const own = new Map<string, number>();
	let idle = 0;
	let total = 0;
	for (const [index, sample] of samples.entries()) {
		const time = timeDeltas[index] ?? 0;
		const stack = callers(sample);
		const area = areaOf(stack);
		total += time;
		if (area === 'idle') idle += time;
		else areas.set(area, (areas.get(area) ?? 0) + time);
		const script = stack.find(({ url }) => url !== '' && !url.startsWith('node:'));
		if (script === undefined || placeOf(script) !== thisPackage) continue;
		const name = nameOf(script);
		own.set(name, (own.get(name) ?? 0) + time);
	}
	const shares = (times: ReadonlyMap<string, number>): Share[] =>
		[...times]
			.map(([name, time]) => ({ name, percent: (100 * time) / (total - idle) }))
			.sort((a, b) => b.percent - a.percent);
	return {
		areas: [...shares(areas), { name: 'idle', percent: (100 * idle) / total }],
		own: shares(own),
	};
}

/** Returns the frames of a sample, the innermost first. */
function callersOf(nodes: readonly Profiler.ProfileNode[]) {
	const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
	const parents = new Map(
		nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
	);
	const known = new Map<number, readonly Runtime.CallFrame[]>();
	return (sample: number): readonly Runtime.CallFrame[] => {
		const before = known.get(sample);
		if (before !== undefined) return before;
		const found: Runtime.CallFrame[] = [];
		for (let id: number | undefined = sample; id !== undefined; id = parents.get(id)) {
			const frame = frames.get(id);
			if (frame !== undefined) found.push(frame);
		}
		known.set(sample, found);
		return found;
	};
}

const thisPackage = 'this package';
/** The first that the address of a script contains is its area. */
const places: readonly (readonly [part: string, area: string])[] = [
	['/bench-built/', thisPackage],
	['/bench-pipeline', "the example's own code"],
	['/node_modules/@prisma/', 'Prisma'],
	['/src/', 'Prisma'],
	['wasm://', 'Prisma'],
	['/node_modules/pg', 'pg'],
	['/node_modules/postgres-', 'pg'],
	['/node_modules/zod/', 'zod'],
	['/node_modules/', 'other packages'],
	['/bench/', 'the benchmark'],
	['node:internal/crypto', 'Node: cryptography'],
	['node:crypto', 'Node: cryptography'],
	['node:internal/async', 'Node: asynchronous context'],
	['node:async_hooks', 'Node: asynchronous context'],
	['node:', 'Node: network, buffers and the rest'],
];

/** What is built into JavaScript or compiled to WebAssembly counts to the script that called it. */
function areaOf(stack: readonly Runtime.CallFrame[]): string {
	switch (stack[0]?.functionName) {
		case '(idle)':
			return 'idle';
		case '(garbage collector)':
			return 'garbage collection';
		case '(program)':
			return 'V8 and system calls';
		default: {
			const script = stack.find(({ url }) => url !== '');
			return script === undefined ? 'V8 and system calls' : placeOf(script);
		}
	}
}

function placeOf({ url }: Runtime.CallFrame): string {
	return places.find(([part]) => url.includes(part))?.[1] ?? 'other';
}

/** `openResult (src/prisma/extension/open-result.ts:31)`, by the source that was built. */
function nameOf({ functionName, url, lineNumber, columnNumber }: Runtime.CallFrame): string {
	const path = fileURLToPath(url);
	// Node may know what tsx made of the built file, or already what that was built from.
	const loaded = origin(findSourceMap(path), { line: lineNumber, column: columnNumber });
	const source = loaded.file?.endsWith('.ts') ? loaded : origin(builtMap(path), loaded);
	const file = source.file?.slice(source.file.indexOf('src/'));
	return `${functionName || '(anonymous)'} (${file ?? path}:${source.line + 1})`;
}

interface Place {
	readonly file?: string;
	readonly line: number;
	readonly column: number;
}

function origin(map: SourceMap | undefined, place: Place): Place {
	const entry = map?.findEntry(place.line, place.column);
	if (entry === undefined || !('originalSource' in entry)) return place;
	const { originalSource, originalLine, originalColumn } = entry;
	return { file: originalSource, line: originalLine, column: originalColumn };
}

const builtMaps = new Map<string, SourceMap>();

function builtMap(path: string): SourceMap {
	const map = builtMaps.get(path) ?? new SourceMap(JSON.parse(readFileSync(`${path}.map`, 'utf8')));
	builtMaps.set(path, map);
	return map;
}
