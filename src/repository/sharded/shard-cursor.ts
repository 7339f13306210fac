import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ValidationError } from '../../errors.ts';
import type { ServiceShard } from './shard.ts';

/** Where the list of a shard goes on: a cursor of its own, or null where it ended. */
export type Position = string | null;

/** The positions of shards, by their keys. */
export type Positions = ReadonlyMap<string, Position>;

const expected = 'must be the cursor of a list of all shards, unchanged';
const members = z.record(z.string(), z.string().nullable());

/** Which shard a position is of: not its index, which changes with the list, and nothing that reveals where it is. */
export function keyOf({ place }: ServiceShard): string {
	return createHash('sha256').update(place).digest('base64url').slice(0, 8);
}

export function cursorOf(positions: Positions): string {
	return Buffer.from(JSON.stringify(Object.fromEntries(positions))).toString('base64url');
}

/**
 * The positions in a cursor. A shard that is new has none, and is read from its beginning.
 *
 * @throws ValidationError if it is no such cursor, or of a shard that there is no more: what is left there would be missing.
 */
export function positionsIn(cursor: string, shards: readonly ServiceShard[]): Positions {
	const found = members.safeParse(jsonIn(cursor));
	if (!found.success) throw refusal(expected);
	const known = new Set(shards.map(keyOf));
	const positions = new Map(Object.entries(found.data));
	if ([...positions.keys()].every((key) => known.has(key))) return positions;
	throw refusal('was made on other shards: name all of them in `shards`, at the same address');
}

function jsonIn(cursor: string): unknown {
	try {
		return JSON.parse(Buffer.from(cursor, 'base64url').toString());
	} catch {
		return undefined;
	}
}

function refusal(message: string): ValidationError {
	return new ValidationError([{ path: ['cursor'], code: 'wrong_format', message }]);
}
