export {
	createDestinationsClient,
	DestinationsClient,
	type DestinationsClientOptions,
} from './client/client.ts';
export type { JoinedScope, ScopedClient, ScopedTransaction } from './client/open-scope.ts';
export type {
	ClientStats,
	ConnectionStats,
	DatabaseStats,
	ReplicaStats,
	ShardStats,
} from './client/stats.ts';
export type {
	HostTransaction,
	PrismaTransactionClient,
	QueryTransactionClient,
} from './database/host/host-handle.ts';
export { httpStatusOf, type ProblemDocument, toProblem } from './database/problem.ts';
export { isDatabaseUnavailable, isRetryable } from './database/retryable.ts';
export type { JoinedScopeOptions, ScopeOptions, ServiceScopeOptions } from './database/scope.ts';
export type { Route, Shard } from './database/shards.ts';
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
export {
	describeSettings,
	type SettingDescription,
	type SettingsDescription,
	type SettingsGroup,
} from './destinations/describe-settings.ts';
export type {
	CreateDestinationInput,
	CreateDestinationInputOf,
	Destination,
	DestinationOf,
	UpdateDestinationInput,
} from './destinations/destination.ts';
export type { GoogleAnalyticsSettings } from './destinations/google-analytics.ts';
export type { DestinationListFilter, DestinationOrder } from './destinations/list-query.ts';
export { isMasked } from './destinations/mask.ts';
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
export type { SettingsContext, SettingsEnvelope } from './encryption/envelope.ts';
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
	type ValidationCode,
	ValidationError,
	type ValidationIssue,
} from './errors.ts';
export type { DataKeyContext, KeyWrapper } from './keys/data-keys.ts';
export type { KeyProvider } from './keys/key-provider.ts';
export { Keyring } from './keys/keyring.ts';
export {
	EnvelopeKeyProvider,
	type EnvelopeKeyProviderOptions,
} from './keys/kms/envelope-key-provider.ts';
export { destinationsFor } from './loading/consent.ts';
export { createDestinationsLoader } from './loading/create-loader.ts';
export type { LoaderEvents, LoaderFailure } from './loading/events.ts';
export type { LoadedDestination, LoadedDestinationOf } from './loading/loaded-destination.ts';
export { DestinationsLoader } from './loading/loader.ts';
export type { LoaderMetrics, ShardMetrics } from './loading/metrics.ts';
export type { DestinationsLoaderOptions } from './loading/options.ts';
export type { LoaderStatus } from './loading/status.ts';
export {
	type DestinationsExtensionOptions,
	destinationsExtension,
} from './prisma/extension/destinations-extension.ts';
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
} from './prisma/extension/extension-types.ts';
export type { Relations } from './prisma/extension/model-types.ts';
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
} from './prisma/scoped/scoped-prisma-client.ts';
export type { TransactionOptions } from './prisma/scoped/transaction-options.ts';
export type { AuditLog } from './repository/audit/audit-log.ts';
export type { AuditAction, AuditEntry, FieldChange } from './repository/audit/entry.ts';
export type { AuditExportOptions } from './repository/audit/export.ts';
export type { AuditFilter } from './repository/audit/filter.ts';
export type { DestinationVersion, HistoryOptions } from './repository/audit/history.ts';
export type { Page, PageOptions } from './repository/audit/pages.ts';
export type { CopyOptions } from './repository/copy.ts';
export type { DestinationAt, DestinationDifference } from './repository/diff.ts';
export type { OrganizationOptions } from './repository/organization.ts';
export type { DestinationPageOptions } from './repository/pages.ts';
export type {
	ConnectionTestOptions,
	DestinationRepository,
	PatchTestOptions,
	TestOptions,
} from './repository/repository.ts';
export type {
	BatchOptions,
	PruneOptions,
	PurgeDeletedOptions,
	PurgeFailure,
} from './repository/retention.ts';
export type { SettingsWriteOptions, WriteOptions } from './repository/writer.ts';
export type {
	PurgeExpiredFailure,
	PurgeExpiredOptions,
	PurgeExpiredResult,
	PurgePart,
	PurgeProgress,
} from './retention/options.ts';
export { purgeExpired } from './retention/purge-expired.ts';
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
export type { OnOperation, OperationReport } from './telemetry/operations.ts';
