import type { ConnectionTestOutcome, SettingsDescription } from '@consent-io/destinations';
import { api, type Shown, type Vocabulary } from './api.ts';
import { destinationForm, fieldsOf, saving } from './destination-form.ts';
import { button, element, show, tell } from './element.ts';
import { history } from './history.ts';

/** An empty form for a destination of a type. */
export function showCreation(vocabulary: Vocabulary, description: SettingsDescription): void {
	show(
		element('h2', {}, `New: ${description.title}`),
		destinationForm(description, vocabulary, { settings: {} }, async (fields) => {
			const { id } = await api.create(description.type, fields);
			tell('Created');
			location.hash = `#/${id}`;
		}),
	);
}

/** A destination, to be changed, tested, copied, deleted and put back to an earlier version. */
export async function showDestination(vocabulary: Vocabulary, id: string): Promise<void> {
	const shown = await api.find(id);
	const description = vocabulary.types.find(({ type }) => type === shown.type);
	if (description === undefined) throw new Error(`There is no type ${shown.type}`);
	const again = async (text: string) => {
		await showDestination(vocabulary, id);
		tell(text);
	};
	const { description: about, ...rest } = shown;
	const start = { ...rest, description: about ?? '' };
	const form = destinationForm(description, vocabulary, start, async (fields) => {
		await api.change(id, shown.version, fields);
		await again('Saved');
	});
	show(
		element('h2', {}, `${shown.name} (${description.title}, version ${shown.version})`),
		element(
			'div',
			{ class: 'actions' },
			button('Test what is stored', async () => {
				const outcome = await api.test(id);
				await again(words(outcome));
			}),
			button('Test what is entered', () =>
				saving(form, async () => {
					const { settings } = fieldsOf(form, description, vocabulary.purposes);
					tell(words(await api.testSettings(id, settings)));
				}),
			),
			...copying(vocabulary, shown),
			button('Delete', async () => {
				await api.remove(id);
				tell('Deleted');
				location.hash = '#/';
			}),
		),
		element('p', {}, `Connection: ${shown.connectionStatus}. ${shown.lastError ?? ''}`),
		form,
		await history(id, description, again),
	);
}

/** A copy into another environment. */
function copying({ environments }: Vocabulary, { id, environment }: Shown): HTMLElement[] {
	const others = environments.filter((other) => other !== environment);
	const target = element(
		'select',
		{ 'aria-label': 'Copy to' },
		...others.map((other) => element('option', {}, other)),
	);
	const overwrite = element('input', { type: 'checkbox' });
	return [
		target,
		element('label', { class: 'switch' }, overwrite, 'replace what is there'),
		button('Copy', async () => {
			const copy = await api.copy(id, target.value, overwrite.checked);
			tell(`Copied to ${copy.environment}`);
			location.hash = `#/${copy.id}`;
		}),
	];
}

function words({ verdict, message }: ConnectionTestOutcome): string {
	return `${verdict}: ${message}`;
}
