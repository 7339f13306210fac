/** A server that runs for these tests alone. */
export interface StartedServer {
	readonly connectionString: string;
	/** Ends it. */
	readonly release: () => Promise<void>;
}
