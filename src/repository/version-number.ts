import { wholeNumber } from '../input/checks.ts';

/** Postgres's integers, from the first version on. */
export const versionNumber = wholeNumber(1, 2 ** 31 - 1);
