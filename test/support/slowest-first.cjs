/**
 * The order of the test files where Jest does not know yet how long each takes, as after a fresh clone: those that take
 * most come first. Otherwise the last of them would run alone, while the other processors wait.
 */
const { default: Sequencer } = require('@jest/test-sequencer');

/** Beginnings of paths, each with seconds of a processor for a file, roughly. */
const seconds = {
	'tenancy/stress': 50,
	'packaging/registry/': 50,
	'testing/newcomer': 60,
	'packaging/declarations/emit': 40,
	'rotation/kill': 40,
	'packaging/migrate-': 30,
	'testing/supervisor': 30,
	'packaging/schema-engine': 30,
	'testing/ends': 25,
	'unopened/writes': 22,
	'prisma/extension/simultaneous-upserts': 18,
	'prisma/extension/hostile-arguments': 18,
	'tenancy/left-behind': 16,
	'packaging/types': 16,
	'database/plans': 15,
	'prisma/extension/unchanged-arguments': 14,
	'prisma/extension/empty-conditions': 11,
	'repository/': 11,
	'testing/migrations': 11,
	'docs/run': 11,
	'packaging/': 11,
	// Which wait ten seconds for a lock, and must not do that at the very end.
	'doctor/session': 11,
	'doctor/schema': 10,
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
