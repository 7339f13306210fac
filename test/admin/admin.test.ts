import { join } from 'node:path';
import type { Page } from 'playwright-core';
import {
	describeSettings,
	destinationTypes,
	type SettingDescription,
	type SettingsDescription,
} from '../../src/index.ts';
import { root } from '../packaging/made-once.ts';
import { AdminPage, executable } from './admin-page.ts';

// The page of examples/admin in a real browser. Neither it nor this file has a word about any single type.

if (executable === undefined) {
	process.stderr.write(
		'Not tried, because there is no Chromium: examples/admin in a browser. `apt-get install chromium`, or name one in CHROMIUM.\n',
	);
}
const withBrowser = executable === undefined ? describe.skip : describe;

/** What somebody enters who knows no more than the description. */
function entered({ example, secret }: SettingDescription): string {
	return example ?? (secret ? 'secret-0123456789-abcdef' : '');
}

const isTyped = ({ kind }: SettingDescription) => kind === 'text' || kind === 'url';

withBrowser('the admin page', () => {
	let admin: AdminPage;
	let page: Page;
	/** Everything that came from the server. */
	const received: string[] = [];

	beforeAll(async () => {
		admin = await AdminPage.open();
		page = admin.page;
		page.on('pageerror', (error) => {
			throw error;
		});
		page.on('response', async (response) => {
			received.push(await response.text().catch(() => ''));
		});
	});

	afterAll(() => admin?.[Symbol.asyncDispose]());

	const says = (text: string | RegExp) => page.locator('#message', { hasText: text }).waitFor();
	const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
	const setting = (name: string) => page.locator(`[name="settings.${name}"]`);
	const go = async (hash: string) => {
		// Another page in between, so that nothing of the one before is taken for what is shown now.
		await page.goto('about:blank');
		await page.goto(`${admin.url}/${hash}`);
		await page.locator('main > *').first().waitFor();
	};

	async function fill({ fields }: SettingsDescription): Promise<void> {
		for (const field of fields.filter(isTyped)) await setting(field.name).fill(entered(field));
	}

	test('it compiles', async () => {
		const { status, output } = await admin.service.run('tsc -p .');
		expect({ status, output }).toEqual({ status: 0, output: '' });
	});

	test.each(['null', '5', '[]', '{'])('a body that is %s is refused', async (body) => {
		const headers = { 'content-type': 'application/json' };
		const at = `${admin.url}/api/destinations`;
		const asked = [
			['POST', at],
			['PUT', `${at}/x`],
			...['test-settings', 'copy', 'revert'].map((what) => ['POST', `${at}/x/${what}`]),
		] as const;
		for (const [method = '', url = ''] of asked) {
			const { status } = await fetch(url, { method, headers, body });
			expect([method, url, status]).toEqual([method, url, 400]);
		}
	});

	describe.each(destinationTypes)('a destination of type %s', (type) => {
		const description = describeSettings(type);
		const { fields } = description;

		test('is refused where something is missing, at its place', async () => {
			await go(`#/new/${type}`);
			await page.locator('[name="name"]').fill('');
			await press('Save');
			await says(/name/);
			expect(await page.locator('[data-of="name"]').textContent()).not.toBe('');
			for (const { name, required, requiredWhen } of fields) {
				const problem = await page.locator(`[data-of="settings.${name}"]`).textContent();
				const needed = required || requiredWhen !== undefined;
				expect([name, problem !== '']).toEqual([name, needed]);
			}
		});

		test('is created from a form that its description makes', async () => {
			await go(`#/new/${type}`);
			for (const { name, title } of fields) {
				await setting(name).waitFor();
				expect(await page.locator('label', { has: setting(name) }).textContent()).toContain(title);
			}
			await fill(description);
			await press('Save');
			await says('Created');
			await page.getByRole('heading', { name: 'version 1' }).waitFor();
		});

		test('is changed without its secrets, which the page never gets', async () => {
			for (const field of fields.filter(({ secret }) => secret)) {
				expect(await setting(field.name).inputValue()).toContain('••••••••');
			}
			await page.locator('[name="name"]').fill('Renamed');
			await press('Save');
			await says('Saved');
			await page.getByRole('heading', { name: 'Renamed' }).waitFor();
			const changed = await page.locator('[data-version="2"] pre').first().textContent();
			expect(changed).toContain('"Renamed"');
			for (const { title } of fields) expect(changed).not.toContain(title);
			const kept = await page.locator('[data-version="1"] details pre').textContent();
			for (const field of fields.filter(isTyped)) {
				const shown = field.secret ? '••••••••' : entered(field);
				expect(kept).toContain(`${field.title}: ${shown}`);
			}
			for (const field of fields.filter(({ secret }) => secret)) {
				for (const text of received) expect(text).not.toContain(entered(field));
			}
		});

		test('is tested, as it is stored and as it is entered', async () => {
			await press('Test what is entered');
			await says(/^[a-z]+: ./);
			await press('Test what is stored');
			await page.getByText(/^Connection: (connected|failed|unknown)/).waitFor();
		});

		test('is put back to an earlier version', async () => {
			const row = page.locator('[data-version="1"]');
			await row.getByRole('button', { name: 'Revert' }).click();
			await says('Put back to version 1');
			expect(await page.locator('[name="name"]').inputValue()).toBe(description.title);
		});

		test('is deleted and restored', async () => {
			await press('Delete');
			await says('Deleted');
			const row = page.locator('tr', { hasText: description.title });
			await row.getByRole('button', { name: 'Restore' }).click();
			await says('Restored');
			await row.getByRole('link').waitFor();
		});

		test('is copied to another environment, and again only over what is there', async () => {
			const row = page.locator('tr', { hasText: description.title });
			const original = await row.getByRole('link').getAttribute('href');
			for (const [overwrite, said] of [
				[false, 'Copied to staging'],
				[false, /already/],
				[true, 'Copied to staging'],
			] as const) {
				await go(original ?? '');
				await page.getByRole('heading', { name: 'History' }).waitFor();
				await page.getByLabel('Copy to').selectOption('staging');
				if (overwrite) await page.getByLabel('replace what is there').check();
				await press('Copy');
				await says(said);
			}
		});
	});

	test('the list is narrowed by what the address says', async () => {
		const [type] = destinationTypes;
		await go(`#/?type=${type}&environment=staging`);
		await page.getByText('1 found', { exact: true }).waitFor();
		await go('#/?environment=development');
		await page.getByText(`${destinationTypes.length} found`).waitFor();
	});

	// `UPDATE_PICTURES=1 npm test -- test/admin` makes those of the documents anew.
	const pictures = process.env.UPDATE_PICTURES === '1' ? test : test.skip;
	pictures('pictures for the documents', async () => {
		const take = (name: string) =>
			page.screenshot({ path: join(root, 'docs/pictures', `admin-${name}.png`), fullPage: true });
		await go('#/');
		await take('list');
		await page
			.getByRole('link', { name: describeSettings('mixpanel').title })
			.last()
			.click();
		await page.getByText('All settings').last().click();
		await take('form');
	});
});
