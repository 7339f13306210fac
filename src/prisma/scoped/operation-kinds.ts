import type { OperationKind } from '../../telemetry/operation.ts';
import { ownModels } from '../extension/models.ts';

/** The tables of schema.prisma. */
const tables: Readonly<Record<string, string>> = {
	Destination: 'destinations',
	Organization: 'organizations',
	User: 'users',
	DestinationAuditEntry: 'destination_audit_log',
	DestinationSettingsVersion: 'destination_settings_history',
};

/** A method of a delegate, for those who observe operations. */
export function modelKind(delegate: PropertyKey, method: PropertyKey): OperationKind {
	const model = ownModels.byDelegate.get(delegate);
	return {
		name: `prisma.${String(delegate)}.${String(method)}`,
		operation: String(method),
		table: model && tables[model.name],
	};
}

/** The same for raw SQL. Of tagged templates Prisma makes placeholders; whatever else is sent may have values in it. */
export function rawKind(method: PropertyKey): OperationKind {
	const operation = String(method);
	return {
		name: `prisma.${operation}`,
		operation,
		textMayHoldValues: operation.endsWith('Unsafe'),
	};
}

export const transactionKind: OperationKind = {
	name: 'prisma.$transaction',
	operation: '$transaction',
};
