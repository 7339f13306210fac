import { withoutValues } from '../database/sql-errors.ts';
import {
	ConfigurationError,
	DestinationsError,
	ForbiddenError,
	RetryError,
	UnavailableError,
} from '../errors.ts';

/** What an error of the database means for a loader, which only reads, and as a role of its own. */
export function loadingError(error: unknown): DestinationsError {
	// A read is cancelled by a lock that is held too long, or on a standby by what it has to replay.
	if (error instanceof RetryError) {
		return new UnavailableError(
			'The database did not answer a statement in time. A long operation, such as a migration, may have locked its tables.',
			{ cause: error.cause },
		);
	}
	if (error instanceof ForbiddenError) {
		return new ConfigurationError(
			'The database does not let the role destinations_loader read what it needs. `npx consent-destinations doctor` says what it lacks.',
			{ cause: error.cause },
		);
	}
	if (error instanceof DestinationsError) return error;
	return new UnavailableError(
		'The database answered with an error that no loader expects. See its cause.',
		{ cause: withoutValues(error) },
	);
}
