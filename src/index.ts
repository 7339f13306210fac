export type { AuditExportOptions, AuditFilter, AuditLog } from './audit/audit-log.ts';
export type { AuditAction, AuditEntry, FieldChange } from './audit/entry.ts';
export type { DestinationVersion } from './audit/history.ts';
export type { Page, PageOptions } from './audit/pages.ts';
export type { BatchOptions, PruneOptions, PurgeDeletedOptions } from './audit/purge.ts';
export {
	createDestinationsClient,
	DestinationsClient,
	type DestinationsClientOptions,
} from './client.ts';
export {
	EnvelopeKeyProvider,
	type EnvelopeKeyProviderOptions,
} from './data-keys/envelope-key-provider.ts';
export { isDatabaseUnavailable, isRetryable } from './database/retryable.ts';
export type { AmplitudeSettings } from './destinations/amplitude.ts';
export { type ClientConfig, toClientConfig } from './destinations/client-config.ts';
export type {
	ConnectionTestCode,
	ConnectionTestOutcome,
	ConnectionVerdict,
} from './destinations/connection-test/outcome.ts';
export {
	type TestSettingsOptions,
	testSettings,
} from './destinations/connection-test/test-settings.ts';
export type { ConsoleSettings } from './destinations/console.ts';
export type {
	CreateDestinationInput,
	Destination,
	DestinationOf,
	UpdateDestinationInput,
} from './destinations/destination.ts';
export type { GoogleAnalyticsSettings } from './destinations/google-analytics.ts';
export type { MetaPixelSettings } from './destinations/meta-pixel.ts';
export type { MixpanelSettings } from './destinations/mixpanel.ts';
export type { PostHogSettings } from './destinations/posthog.ts';
export { type Redacted, redact } from './destinations/redact.ts';
export {
	type DestinationType,
	destinationTypes,
	type SettingsInputOf,
	type SettingsOf,
	settingsSchemas,
} from './destinations/registry.ts';
export { settingsError, type UnopenedDestination } from './destinations/unopened.ts';
export { ConnectionStatus, ConsentPurpose, Environment } from './destinations/vocabulary.ts';
export type { DataKeyContext, KeyWrapper } from './encryption/data-keys.ts';
export type { SettingsContext, SettingsEnvelope } from './encryption/envelope.ts';
export type { KeyProvider } from './encryption/key-provider.ts';
export { Keyring } from './encryption/keyring.ts';
export {
	type Keys,
	type PlaintextPolicy,
	SettingsEncryption,
} from './encryption/settings-encryption.ts';
export {
	AlreadyExistsError,
	ConfigurationError,
	ConflictError,
	DecryptionFailedError,
	DestinationsError,
	type DestinationsErrorCode,
	ForbiddenError,
	KeyUnavailableError,
	NotFoundError,
	RetryError,
	UnavailableError,
	UnknownKeyError,
	UnsupportedError,
	ValidationError,
	type ValidationIssue,
} from './errors.ts';
export {
	type DestinationsExtensionOptions,
	destinationsExtension,
} from './extension/destinations-extension.ts';
export type {
	DestinationColumn,
	DestinationOperation,
	DestinationPurge,
	DestinationReads,
	DestinationReadsOf,
	DestinationRestore,
	DestinationSearch,
	DestinationSettings,
	DestinationsExtension,
	DestinationsExtensionArgs,
} from './extension/extension-types.ts';
export type { Relations } from './extension/model-types.ts';
export type { ScopedClient, ScopedTransaction } from './open-scope.ts';
export type {
	JsonValue,
	PrismaAggregation,
	PrismaBatchResult,
	PrismaDestinations,
	PrismaFields,
	PrismaModel,
	PrismaOperation,
	PrismaPromise,
	PrismaRelations,
	PrismaSearch,
	PrismaTypes,
	ScopedPrismaClient,
} from './prisma-types.ts';
export type { DestinationPageOptions } from './repository/pages.ts';
export type { DestinationRepository } from './repository/repository.ts';
export type { WriteOptions } from './repository/writer.ts';
export type {
	SealedSettingsFailure,
	SealedSettingsOptions,
	SealedSettingsProgress,
} from './rotation/options.ts';
export {
	type RotateKeysOptions,
	type RotateKeysResult,
	rotateKeys,
} from './rotation/rotate-keys.ts';
export {
	type VerifySettingsOptions,
	type VerifySettingsResult,
	verifySettings,
} from './rotation/verify-settings.ts';
export type { ScopeOptions } from './tenancy/scope.ts';
export type { TransactionOptions } from './transaction-options.ts';
