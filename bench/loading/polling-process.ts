/** A process that sends the polls of many loaders, at the times at which they would. */
import { Poller } from '../../src/loading/poller.ts';
import { PlainFeed } from './plain-feed.ts';

const [connectionString = '', count = '', interval = ''] = process.argv.slice(2);
for (let feed = 0; feed < Number(count); feed += 1) {
	const polling = new PlainFeed(connectionString);
	await polling.connect();
	new Poller(Number(interval), () => polling.poll()).start();
}
process.send?.('ready');
