import { z } from 'zod';
import { wholeNumber } from './checks.ts';

const defaultLimit = 25;
const maxLimit = 1000;

/** How many a page has at most. */
export const pageLimit = wholeNumber(1, maxLimit).default(defaultLimit);

/** The message for a cursor of something else. */
export const cursorExpected = 'must be the cursor of a page, unchanged';

/** A cursor, as far as can be said before it is read. */
export const cursorText = z.string({ error: cursorExpected }).max(4000, { error: cursorExpected });
