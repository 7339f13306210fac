/**
 * The order of the test files where Jest does not know yet how long each takes, as after a fresh clone: those that take
 * most come first. Otherwise the last of them would run alone, while the other processors wait.
 */
const { default: Sequencer } = require('@jest/test-sequencer');

/** Beginnings of paths, each with seconds of a processor for a file, roughly. */
const seconds = {
	'tenancy/stress': 60,
	'packaging/registry/': 60,
	'rotation/kill': 50,
	'packaging/migrate-': 35,
	'testing/newcomer': 35,
	'testing/ends': 35,
	'testing/supervisor': 35,
	'packaging/schema-engine': 30,
	'unopened/writes': 25,
	'prisma/extension/hostile-arguments': 20,
	'prisma/extension/unchanged-arguments': 15,
	'docs/run': 15,
	'doctor/schema': 15,
	'repository/': 12,
	'packaging/': 11,
	'prisma/extension/empty-conditions': 11,
	'prisma/extension/simultaneous-upserts': 11,
	// Which wait ten seconds for a lock, and must not do that at the very end.
	'doctor/session': 11,
	'tenancy/left-behind': 11,
	'testing/': 10,
	'database/': 8,
};

module.exports = class SlowestFirst extends Sequencer {
	/**
	 * @override
	 * @param {Parameters<InstanceType<typeof Sequencer>['sort']>[0]} tests
	 */
	async sort(tests) {
		// Those that failed last, then those that took longest last time, then the largest.
		const sorted = await super.sort(tests);
		if (sorted.some(({ duration }) => duration !== undefined)) return sorted;
		return sorted.sort((one, other) => expected(other.path) - expected(one.path));
	}
};

/** @param {string} path */
function expected(path) {
	const [, name = ''] = /[\\/]test[\\/](.*)/.exec(path) ?? [];
	const known = Object.entries(seconds).find(([start]) =>
		name.replaceAll('\\', '/').startsWith(start),
	);
	return known?.[1] ?? 0;
}
