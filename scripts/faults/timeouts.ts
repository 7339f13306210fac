// The time limits that the load gives pg's pool, in milliseconds. Without one, a call waits for as long as the system
// takes a silent network for a slow one.

/** For a connection. */
export const connectionTimeout = 1000;
/** For the answer to a statement. */
export const queryTimeout = 2000;
