import { api, type Vocabulary } from './api.ts';
import { button, element, show, tell } from './element.ts';

/** All destinations, those that a filter names, and those that were deleted. */
export async function showList(vocabulary: Vocabulary, query: URLSearchParams): Promise<void> {
	const [{ items, count }, deleted] = await Promise.all([api.list(query), api.deleted()]);
	const titleOf = (type: string) =>
		vocabulary.types.find((description) => description.type === type)?.title ?? type;
	show(
		creation(vocabulary),
		filter(vocabulary, query),
		element('p', {}, `${count} found`),
		element(
			'table',
			{},
			row('th', 'Name', 'Type', 'Environment', 'Enabled', 'Connection'),
			...items.map(({ id, name, type, environment, enabled, connectionStatus, settingsError }) =>
				row(
					'td',
					element('a', { href: `#/${id}` }, name),
					titleOf(type),
					environment,
					enabled ? 'yes' : 'no',
					settingsError === undefined
						? connectionStatus
						: `settings do not decrypt: ${settingsError}`,
				),
			),
		),
		deleted.items.length > 0 && element('h2', {}, 'Deleted'),
		element(
			'table',
			{},
			...deleted.items.map(({ id, name, type, environment }) =>
				row(
					'td',
					name,
					titleOf(type),
					environment,
					button('Restore', async () => {
						await api.restore(id);
						tell('Restored');
						await showList(vocabulary, query);
					}),
				),
			),
		),
	);
}

function creation({ types }: Vocabulary): HTMLElement {
	return element(
		'p',
		{ class: 'actions' },
		'New:',
		...types.map(({ type, title }) => element('a', { href: `#/new/${type}` }, title)),
	);
}

const switches = new Map([
	['true', 'on'],
	['false', 'off'],
]);

function filter({ types, environments }: Vocabulary, query: URLSearchParams): HTMLFormElement {
	const titles = new Map(types.map(({ type, title }) => [type as string, title]));
	const form = element(
		'form',
		{ class: 'filter' },
		element(
			'label',
			{},
			'Name',
			element('input', { name: 'name', value: query.get('name') ?? '' }),
		),
		select('type', 'Type', titles, query),
		select('environment', 'Environment', new Map(environments.map((one) => [one, one])), query),
		select('enabled', 'Enabled', switches, query),
		element('button', { type: 'submit' }, 'Filter'),
	);
	form.addEventListener('submit', (event) => {
		event.preventDefault();
		const given = [...new FormData(form)].filter(([, value]) => value !== '') as [string, string][];
		location.hash = `#/?${new URLSearchParams(given)}`;
	});
	return form;
}

function select(
	name: string,
	title: string,
	options: ReadonlyMap<string, string>,
	query: URLSearchParams,
): HTMLLabelElement {
	const chosen = query.get(name);
	return element(
		'label',
		{},
		title,
		element(
			'select',
			{ name },
			element('option', { value: '' }, 'any'),
			...[...options].map(([value, text]) =>
				element('option', { value, selected: value === chosen }, text),
			),
		),
	);
}

function row(cell: 'td' | 'th', ...cells: (Node | string)[]): HTMLTableRowElement {
	return element('tr', {}, ...cells.map((content) => element(cell, {}, content)));
}
