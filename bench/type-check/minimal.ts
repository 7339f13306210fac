/** The least that service.ts needs to know of the package, written by hand. */

interface PosthogSettings {
	apiKey: string;
	host: string;
}

export type Destination = {
	id: string;
	organizationId: string;
	name: string;
	enabled: boolean;
	createdAt: Date;
} & ({ type: 'posthog'; settings: PosthogSettings } | { type: 'console'; settings: object });

export interface DestinationRepository {
	create(input: {
		organizationId: string;
		type: 'posthog';
		name: string;
		settings: { apiKey: string; host?: string | undefined };
		requiredConsent: string[];
	}): Promise<Destination>;
	findById(id: string): Promise<Destination | null>;
	update(id: string, changes: { name?: string }): Promise<Destination>;
	softDelete(id: string): Promise<void>;
}

export interface ScopedTransaction {
	readonly destinations: DestinationRepository;
}

export interface ScopedClient extends ScopedTransaction {
	readonly prisma: {
		readonly destination: {
			findMany(args?: {
				where?: { enabled?: boolean; name?: { startsWith?: string } };
				orderBy?: { createdAt?: 'asc' | 'desc' };
				take?: number;
			}): Promise<Destination[]>;
		};
	};
	transaction<T>(work: (tx: ScopedTransaction) => Promise<T>): Promise<T>;
}

export declare class DestinationsError extends Error {
	readonly code: string;
}

export declare function createDestinationsClient(options: {
	connectionString?: string | undefined;
	keys?: string | undefined;
}): { forOrganization(id: string, options?: { actorId?: string }): ScopedClient };

export declare function redact(destination: Destination): Destination;
