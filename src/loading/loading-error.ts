import { sqlStateOf, transientError, withoutValues } from '../database/sql-errors.ts';
import { ConfigurationError, DestinationsError, UnavailableError } from '../errors.ts';

/** The error of this package for what a poll or a load ended with. */
export function loadingError(error: unknown): DestinationsError {
	if (error instanceof DestinationsError) return error;
	const cause = withoutValues(error);
	const transient = transientError(cause);
	if (transient !== undefined) return transient;
	switch (sqlStateOf(cause)) {
		case '42501':
			return new ConfigurationError(
				'The database does not let the role destinations_loader read what it needs. `npx consent-destinations doctor` says what it lacks.',
				{ cause },
			);
		case '57014':
			return new UnavailableError(
				'The database did not answer a statement in time. What takes long, such as a migration, may lock its tables.',
				{ cause },
			);
		default:
			return new UnavailableError(
				'The database answered with an error that no loader expects. See its cause.',
				{ cause },
			);
	}
}
