import type { SettingsDescription } from '@consent-io/destinations';
import { type Fields, Problem, type Vocabulary } from './api.ts';
import { element, tellFailure } from './element.ts';
import { settingsInputs, settingsOf } from './settings-form.ts';

/** What a form begins with. */
export type Start = Partial<Omit<Fields, 'settings'>> & {
	readonly settings: Readonly<Record<string, unknown>> | null;
};

/** A form of a destination, whatever its type. */
export function destinationForm(
	description: SettingsDescription,
	{ purposes, environments }: Vocabulary,
	start: Start,
	save: (fields: Fields) => Promise<unknown>,
): HTMLFormElement {
	const consent = start.requiredConsent ?? description.requiredConsent;
	const form = element(
		'form',
		// The server has the last word, and says what is wrong at each place.
		{ novalidate: true },
		text('name', 'Name', start.name ?? description.title),
		text('description', 'Description', start.description ?? ''),
		element(
			'label',
			{},
			'Environment',
			element(
				'select',
				{ name: 'environment' },
				...environments.map((environment) =>
					element('option', { selected: environment === start.environment }, environment),
				),
			),
			problem('environment'),
		),
		toggle('enabled', 'Enabled', start.enabled ?? true),
		toggle('testMode', 'Test mode', start.testMode ?? false),
		element(
			'fieldset',
			{ class: 'row' },
			element('legend', {}, 'A visitor must have consented to'),
			...purposes.map((purpose) =>
				toggle(
					`consent.${purpose}`,
					purpose,
					consent.some((wanted) => wanted === purpose),
				),
			),
			problem('requiredConsent'),
		),
		start.settings === null
			? element(
					'p',
					{ class: 'problem' },
					'The stored settings cannot be decrypted. Enter them again.',
				)
			: undefined,
		settingsInputs(description, start.settings ?? {}),
		element('div', { class: 'actions' }, element('button', { type: 'submit' }, 'Save')),
	);
	form.addEventListener('submit', async (event) => {
		event.preventDefault();
		await saving(form, () => save(fieldsOf(form, description, purposes)));
	});
	return form;
}

/** What is entered. */
export function fieldsOf(
	form: HTMLFormElement,
	description: SettingsDescription,
	purposes: readonly string[],
): Fields {
	const control = (name: string) => form.elements.namedItem(name) as HTMLInputElement;
	return {
		name: control('name').value,
		description: control('description').value,
		environment: control('environment').value,
		enabled: control('enabled').checked,
		testMode: control('testMode').checked,
		requiredConsent: purposes.filter((purpose) => control(`consent.${purpose}`).checked),
		settings: settingsOf(form, description),
	};
}

/** Does something with what is entered, and shows what is wrong with it at its place. */
export async function saving(form: HTMLFormElement, act: () => Promise<unknown>): Promise<void> {
	for (const place of form.querySelectorAll('.problem[data-of]')) place.textContent = '';
	try {
		await act();
	} catch (error) {
		tellFailure(error);
		if (!(error instanceof Problem)) return;
		for (const { path, message } of error.issues) {
			const place = form.querySelector(`[data-of="${CSS.escape(path.join('.'))}"]`);
			if (place !== null) place.textContent = message;
		}
	}
}

function text(name: string, title: string, value: string): HTMLLabelElement {
	return element('label', {}, title, element('input', { name, value }), problem(name));
}

function toggle(name: string, title: string, checked: boolean): HTMLLabelElement {
	const input = element('input', { type: 'checkbox', name, checked });
	return element('label', { class: 'switch' }, input, title, problem(name));
}

function problem(of: string): HTMLSpanElement {
	return element('span', { class: 'problem', 'data-of': of });
}
