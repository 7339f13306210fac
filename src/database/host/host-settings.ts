import { textForm } from '../text-form.ts';

/** How times are written, by which this package reads them. */
export const hostForm = { TimeZone: textForm.TimeZone, DateStyle: textForm.DateStyle };

/** What the host's session has, of {@link hostForm}. Postgres reports each change to the client by itself. */
export type HostForm = Partial<Record<keyof typeof hostForm, string>>;

/** Whether times are written as this package reads them. */
export function isReadable({ TimeZone = '', DateStyle = '' }: HostForm): boolean {
	return /^(Etc\/)?(UTC|UCT|GMT|Zulu|Universal)$/.test(TimeZone) && DateStyle.startsWith('ISO');
}

/** What distinguishes one transaction of a session from the next: Postgres keeps microseconds. */
export const transactionIdentity = `pg_catalog.extract('epoch', pg_catalog.transaction_timestamp())::pg_catalog.text`;

/** No roles can have these names: those that begin with `pg_` are Postgres's own. */
export const overRole = 'pg_consent_transaction_is_over';
export const unrecordedRole = 'pg_consent_triggers_are_off';

/** Where what the host has set is kept meanwhile: in settings that end with the transaction. */
export const kept = (setting: string) => `destinations.host_${setting.replaceAll('.', '_')}`;
/** What a setting is, as SQL. */
export const current = (setting: string) => `pg_catalog.current_setting('${setting}')`;
