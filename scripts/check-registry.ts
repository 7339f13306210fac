/**
 * Refuses to go on where publishing would reach a registry that is not the platform's own. Looks at the
 * `package.json` of the folder that it is run in: npm follows its `publishConfig` before every `.npmrc`.
 */
import { readFileSync } from 'node:fs';
import { parseUrl } from '../src/input/parse-url.ts';

/** Registries that anybody can read. */
const publicHosts = /(^|\.)(npmjs\.(org|com)|yarnpkg\.com|npmmirror\.com|jsr\.io)$/;
/** Names that lead nowhere (RFC 2606): the address is still to be filled in. */
const reservedHosts = /(^|\.)(example(\.(com|net|org))?|invalid|test)$/;

const { name, publishConfig = {} } = JSON.parse(readFileSync('package.json', 'utf8'));
const scope = String(name).split('/')[0];
const problems = ['registry', `${scope}:registry`].flatMap((key) => {
	const problem = problemOf(publishConfig[key]);
	return problem === undefined ? [] : [`publishConfig["${key}"] ${problem}`];
});
if (publishConfig.registry !== publishConfig[`${scope}:registry`]) {
	problems.push('publishConfig names two registries: npm takes that of the scope');
}
if (publishConfig.access !== 'restricted')
	problems.push('publishConfig.access is not "restricted"');
if (problems.length > 0) {
	process.stderr.write(
		`Nothing is published. In package.json:\n${problems.map((problem) => `- ${problem}.\n`).join('')}`,
	);
	process.exit(1);
}

function problemOf(url: unknown): string | undefined {
	const parsed = typeof url === 'string' ? parseUrl(url) : undefined;
	if (parsed === undefined) return 'is not the URL of a registry';
	const { protocol, hostname } = parsed;
	if (publicHosts.test(hostname)) return `is ${hostname}, where the package would be public`;
	if (reservedHosts.test(hostname)) {
		return `is ${hostname}: fill in the address of the internal registry`;
	}
	if (protocol !== 'https:' && hostname !== '127.0.0.1') return 'does not begin with https://';
	return undefined;
}
