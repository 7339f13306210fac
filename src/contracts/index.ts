export {
	destinationPageSchema,
	listDestinationsSchema,
	redactedDestinationSchema,
} from './reads.ts';
export {
	createDestinationRequestSchema,
	createDestinationSchema,
	patchSettingsSchemas,
	updateDestinationSchemas,
} from './writes.ts';
