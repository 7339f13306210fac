import { api } from './api.ts';
import { showCreation, showDestination } from './destination-view.ts';
import { tellFailure } from './element.ts';
import { showList } from './list-view.ts';

const vocabulary = await api.vocabulary();

/** Shows what the address names: `#/`, `#/new/<type>` or `#/<id>`. */
async function showAddressed(): Promise<void> {
	const [path = '', query = ''] = location.hash.slice(2).split('?');
	const [first = '', second] = path.split('/');
	const description = vocabulary.types.find(({ type }) => type === second);
	if (first === 'new' && description !== undefined) showCreation(vocabulary, description);
	else if (first === '') await showList(vocabulary, new URLSearchParams(query));
	else await showDestination(vocabulary, first);
}

addEventListener('hashchange', () => showAddressed().catch(tellFailure));
await showAddressed().catch(tellFailure);
