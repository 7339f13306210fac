/** The arguments do not make sense; the message says which. */
export class UsageError extends Error {}
