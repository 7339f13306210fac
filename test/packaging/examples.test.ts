import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './made-once.ts';

// Their tests run them with the packages that this project has.
test.each(['admin', 'pipeline'])(
	'the versions of the packages of examples/%s are those of this project',
	async (name) => {
		const manifest = async (folder: string) =>
			JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8'));
		const own = await manifest(`examples/${name}`);
		const { devDependencies } = await manifest('.');
		const { '@consent-io/destinations': linked, ...others } = own.dependencies;
		expect(linked).toBe('file:../..');
		expect(devDependencies).toMatchObject({ ...others, ...own.devDependencies });
	},
);
