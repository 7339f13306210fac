import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parseUrl } from '../src/input/parse-url.ts';

const run = promisify(execFile);

// A process of its own: V8 does not optimize calls out of Jest's sandbox in the same way.
const warmProcess = `
	import { parseHttpsOrigin } from './src/destinations/https-origin.ts';
	import { withTextForm } from './src/database/text-form.ts';
	const origin = 'https://bücher.example';
	const connectionString = 'postgres://zürich@db.example/d?options=-c%20DateStyle%3DSQL';
	const results = new Set();
	for (let count = 0; count < 20_000; count += 1) {
		results.add(parseHttpsOrigin(origin));
		results.add(withTextForm({ connectionString }).connectionString);
	}
	console.log(JSON.stringify([...results]));
`;

it('reads letters outside ASCII in a process that has read many URLs', async () => {
	const args = ['--import', 'tsx', '--input-type=module', '--eval', warmProcess];
	const { stdout } = await run(process.execPath, args);
	expect(JSON.parse(stdout)).toEqual([
		'https://xn--bcher-kva.example',
		'postgres://z%C3%BCrich@db.example/d',
	]);
});

it('is undefined for a text that is not an absolute URL', () => {
	expect(['', 'x', '/a', 'https://', 'https://a b'].map(parseUrl)).toEqual(
		Array(5).fill(undefined),
	);
});
