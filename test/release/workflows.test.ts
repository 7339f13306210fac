import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const folder = join(__dirname, '../../.github/workflows');

interface Step {
	readonly uses?: string;
	readonly run?: string;
	readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
	readonly permissions?: Readonly<Record<string, string>>;
	readonly 'timeout-minutes'?: number;
	readonly steps: readonly Step[];
}

interface Workflow {
	readonly on: unknown;
	readonly permissions: unknown;
	readonly jobs: Readonly<Record<string, Job>>;
}

const files = readdirSync(folder).map((name) => {
	const text = readFileSync(join(folder, name), 'utf8');
	const workflow: Workflow = parse(text);
	return { name, text, workflow };
});
const jobs = files.flatMap(({ name, workflow }) =>
	Object.entries(workflow.jobs).map(([job, definition]) => [`${name} ${job}`, definition] as const),
);

const runsOf = ({ steps }: Job) => steps.map(({ run = '' }) => run).join('\n');

describe.each(files.map(({ name, ...file }) => [name, file] as const))('%s', (_, file) => {
	it('names every action by its commit, with the version beside it', () => {
		const uses = file.text.split('\n').filter((line) => /\buses:/.test(line));
		expect(uses.length).toBeGreaterThan(0);
		for (const line of uses) {
			expect(line).toMatch(/uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
		}
	});

	it('gives no permission to all jobs, and runs nothing of strangers with its own', () => {
		expect(file.workflow.permissions).toEqual({});
		expect(JSON.stringify(file.workflow.on)).not.toMatch(/pull_request_target|workflow_run/);
	});
});

describe.each(jobs)('%s', (name, job) => {
	it('says what it may do, and how long it may take', () => {
		const allowed: Record<string, object> = {
			'release.yml version': { contents: 'write', 'pull-requests': 'write' },
			'release.yml publish': { 'id-token': 'write' },
			'release.yml release': { contents: 'write' },
		};
		expect(job.permissions).toEqual(allowed[name] ?? { contents: 'read' });
		expect(job['timeout-minutes']).toBeLessThanOrEqual(90);
	});

	it('runs no script of a package by installing it', () => {
		for (const line of runsOf(job).split('\n')) {
			if (/\bnpm (ci|i|install|add|pack|publish)\b/.test(line)) {
				expect(line).toContain('--ignore-scripts');
			}
			if (/\bnpx\b/.test(line)) expect(line).toContain('--no-install');
		}
	});

	it('puts nothing that others wrote into a script', () => {
		expect(runsOf(job)).not.toContain('${{');
	});

	it('leaves no token in the repository that it checks out, unless it pushes', () => {
		for (const { uses = '', with: options } of job.steps) {
			if (!uses.startsWith('actions/checkout@') || name === 'release.yml version') continue;
			expect(options?.['persist-credentials']).toBe(false);
		}
	});
});

test('every path that has owners is there', () => {
	const root = join(folder, '../..');
	const owned = readFileSync(join(folder, '../CODEOWNERS'), 'utf8').matchAll(/^\/(\S+)\s+@/gm);
	const paths = [...owned].map(([, path = '']) => path);
	expect(paths.length).toBeGreaterThan(3);
	expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

describe('a release', () => {
	const release = files.find(({ name }) => name === 'release.yml')?.workflow.jobs ?? {};
	const { build, publish } = release;

	it('is published by a job that neither checks out, installs nor builds', () => {
		expect(publish?.steps.map(({ uses, run }) => uses?.split('@')[0] ?? run)).toEqual([
			'actions/setup-node',
			'actions/download-artifact',
			'npm publish --ignore-scripts ./consent-io-destinations-*.tgz',
		]);
	});

	it('is built by a job that looks at the registry, checks, tests, packs and lists what is in it', () => {
		const runs = runsOf(build ?? { steps: [] });
		const order = [
			'npm ci --ignore-scripts',
			'npm run generate',
			'npm run check:registry',
			'npm run check\n',
			'npm test',
			'npm pack --ignore-scripts',
			'npm sbom --sbom-format cyclonedx',
		].map((command) => runs.indexOf(command));
		expect(order).not.toContain(-1);
		expect(order).toEqual([...order].sort((a, b) => a - b));
	});

	it('has the list of what is in it beside the tarball', () => {
		expect(runsOf(release.release ?? { steps: [] })).toMatch(/gh release create .*sbom\.cdx\.json/);
	});
});
