import type { SettingDescription, SettingsDescription } from '@consent-io/destinations';
import type { Fields } from './api.ts';
import { element } from './element.ts';

type Values = Readonly<Record<string, unknown>>;

/** The inputs of a type's settings, made from its description alone. */
export function settingsInputs(
	{ fields, groups }: SettingsDescription,
	values: Values,
): HTMLFieldSetElement {
	const grouped = new Set(groups.flatMap(({ allOrNone }) => allOrNone));
	const named = (name: string) => fields.filter((field) => field.name === name);
	const made = element(
		'fieldset',
		{},
		element('legend', {}, 'Settings'),
		...fields.filter(({ name }) => !grouped.has(name)).map((field) => input(field, values)),
		...groups.map(({ title, allOrNone }) =>
			element(
				'fieldset',
				{},
				element('legend', {}, `${title} (all of these, or none)`),
				...allOrNone.flatMap(named).map((field) => input(field, values)),
			),
		),
	);
	made.addEventListener('change', () => askForWhatIsNeeded(made, fields));
	askForWhatIsNeeded(made, fields);
	return made;
}

/** What is entered: all of it, so that a field that was emptied is emptied in what is stored. */
export function settingsOf(
	form: HTMLFormElement,
	{ fields }: SettingsDescription,
): Fields['settings'] {
	return Object.fromEntries(
		fields.map(({ name, kind }) => {
			const control = form.elements.namedItem(`settings.${name}`);
			if (control instanceof HTMLInputElement && kind === 'switch') return [name, control.checked];
			return [name, (control as HTMLInputElement | HTMLSelectElement).value];
		}),
	);
}

function input(field: SettingDescription, values: Values): HTMLLabelElement {
	const { name, title, description, kind, required } = field;
	const hint = element('small', {}, description);
	const problem = element('span', { class: 'problem', 'data-of': `settings.${name}` });
	const label = element('span', {}, required ? `${title} *` : title);
	const control = controlOf(field, values[name]);
	return kind === 'switch'
		? element('label', { class: 'switch' }, control, label, hint, problem)
		: element('label', {}, label, control, hint, problem);
}

function controlOf(
	{ name, kind, options = [], preset, example, maxLength, pattern, secret }: SettingDescription,
	value: unknown,
): HTMLInputElement | HTMLSelectElement {
	const attributes = { name: `settings.${name}` };
	if (kind === 'switch') {
		return element('input', {
			...attributes,
			type: 'checkbox',
			checked: Boolean(value ?? preset ?? false),
		});
	}
	if (kind === 'choice') {
		const chosen = value ?? preset;
		const option = (of: string) => element('option', { value: of, selected: of === chosen }, of);
		return element('select', attributes, ...options.map(option));
	}
	return element('input', {
		...attributes,
		// A mask distinguishes two keys at a glance, so it is shown as text.
		type: kind === 'url' ? 'url' : 'text',
		autocomplete: 'off',
		spellcheck: 'false',
		value: typeof value === 'string' ? value : '',
		placeholder: typeof preset === 'string' ? preset : example,
		'data-secret': secret,
		'data-pattern': pattern,
		'data-max': maxLength === undefined ? undefined : String(maxLength),
	});
}

/** Marks what is required now: always, or with a switch. */
function askForWhatIsNeeded(inputs: HTMLElement, fields: readonly SettingDescription[]): void {
	const controlOf = (name: string) =>
		inputs.querySelector<HTMLInputElement>(`[name="settings.${name}"]`);
	for (const { name, kind, required, requiredWhen } of fields) {
		const control = controlOf(name);
		if (control === null || kind === 'switch') continue;
		control.required =
			required || (requiredWhen !== undefined && controlOf(requiredWhen)?.checked === true);
	}
}
