/** A destination as it is read: its settings in clear, its dates as dates. */
export interface Read {
	readonly id: string;
	readonly organizationId: string;
	readonly type: string;
	readonly name: string;
	readonly settings: unknown;
	readonly createdAt: Date;
}

export interface Change {
	readonly id: string;
	readonly organizationId: string;
	readonly type: string;
	readonly name: string;
	readonly settings: object;
}

/** One way of storing destinations. All of them do the same work, and give the same back. */
export interface Peer {
	readonly name: string;
	readById(organizationId: string, id: string): Promise<Read | null>;
	/** The organization's live ones, the newest first. */
	readOrganization(organizationId: string): Promise<readonly Read[]>;
	/** 1000 of all organizations', as a job of the system reads them. */
	readThousand(): Promise<readonly Read[]>;
	/** One of type posthog, in production. */
	create(organizationId: string, settings: object): Promise<Read>;
	rename(change: Change): Promise<Read>;
	/** A new name, and new settings in the place of the old ones. */
	replace(change: Change): Promise<Read>;
	close(): Promise<void>;
}

export const thousand = 1000;
