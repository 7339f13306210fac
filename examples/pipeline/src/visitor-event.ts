import type { ConsentPurpose } from '@consent-io/destinations';

/** What a visitor did on a site of an organization, and what they consented to by then. */
export interface VisitorEvent {
	/** The same wherever the event is sent, so that a provider counts it once. */
	readonly id: string;
	readonly organizationId: string;
	readonly visitorId: string;
	readonly name: string;
	readonly url: string;
	/** Milliseconds since 1970. */
	readonly time: number;
	readonly consent: readonly ConsentPurpose[];
}
