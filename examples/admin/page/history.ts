import type { DestinationVersion, SettingsDescription } from '@consent-io/destinations';
import { api } from './api.ts';
import { button, element } from './element.ts';

/** The versions of a destination, each to be brought back. */
export async function history(
	id: string,
	description: SettingsDescription,
	again: (text: string) => Promise<void>,
): Promise<HTMLElement> {
	const { items } = await api.history(id);
	const row = (version: DestinationVersion, place: number) =>
		element(
			'tr',
			{ 'data-version': String(version.version) },
			element('td', {}, String(version.version)),
			element('td', {}, version.action),
			element('td', {}, new Date(version.recordedAt).toLocaleString()),
			element(
				'td',
				{},
				element('pre', {}, changesOf(version, description)),
				element(
					'details',
					{},
					element('summary', {}, 'All settings'),
					element('pre', {}, settingsOf(version, description)),
				),
			),
			element(
				'td',
				{},
				place > 0 &&
					button('Revert', async () => {
						await api.revert(id, version.version);
						await again(`Put back to version ${version.version}`);
					}),
			),
		);
	return element(
		'section',
		{},
		element('h2', {}, 'History'),
		element('table', {}, ...items.map(row)),
	);
}

/** What reverting would bring back. Secrets come masked. */
function settingsOf(
	{ settings, settingsError }: DestinationVersion,
	{ fields }: SettingsDescription,
): string {
	if (settings === null) return settingsError ?? 'These settings are no longer kept.';
	return fields
		.filter(({ name }) => settings[name] !== undefined)
		.map(({ name, title }) => `${title}: ${settings[name]}`)
		.join('\n');
}

function changesOf(
	{ changes, changedSettings }: DestinationVersion,
	{ fields }: SettingsDescription,
): string {
	const titleOf = (name: string) => fields.find((field) => field.name === name)?.title ?? name;
	const columns = Object.entries(changes).map(([name, change]) => {
		const { old, new: now } = { old: undefined, ...change };
		return old === undefined
			? `${name}: ${JSON.stringify(now)}`
			: `${name}: ${JSON.stringify(old)} → ${JSON.stringify(now)}`;
	});
	const settings =
		changedSettings === null ? ['settings'] : changedSettings.map((name) => titleOf(name));
	return [...columns, ...settings].join('\n');
}
