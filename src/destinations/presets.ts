import { infoOfField } from './fields.ts';
import { type DestinationType, destinationTypes, settingsSchemas } from './registry.ts';

/**
 * What counts where a tenant chose nothing, by type. It is not stored: a preset in every encrypted row could never
 * be raised, and would look like the tenant's choice. Those of where data goes (`host`, `dataResidency`) never
 * change, so a choice that equals them loses nothing by not being stored.
 */
const presets = new Map<string, readonly (readonly [name: string, value: unknown])[]>(
	destinationTypes.map((type) => [type, presetsOf(type)]),
);

function presetsOf(type: DestinationType): (readonly [string, unknown])[] {
	return Object.entries(settingsSchemas[type].shape).flatMap(([name, field]) => {
		const preset = infoOfField(field)?.preset;
		return preset === undefined ? [] : [[name, preset] as const];
	});
}

/** Stored settings, completed in place with what counts where nothing was chosen. */
export function withPresets(
	type: string,
	settings: Record<string, unknown>,
): Record<string, unknown> {
	for (const [name, preset] of presets.get(type) ?? []) settings[name] ??= preset;
	return settings;
}

/** Validated settings as they are stored. */
export function withoutPresets(type: string, settings: object): Record<string, unknown> {
	const stored: Record<string, unknown> = { ...settings };
	for (const [name, preset] of presets.get(type) ?? []) {
		if (stored[name] === preset) delete stored[name];
	}
	return stored;
}
