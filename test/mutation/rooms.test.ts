import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { missingFiles, roomNames, roomOf } from '../../scripts/mutation/rooms.ts';
import { select } from '../../scripts/mutation/selection.ts';

const sourcesOfRooms = roomNames.flatMap((name) => [...roomOf(name).sources]);

test.each(roomNames)('the files that the room %s names are there', (name) => {
	expect(missingFiles(roomOf(name))).toEqual([]);
});

it('names the files that are not there', () => {
	const room = { sources: ['encryption/envelope.ts', 'moved.ts'], tests: ['moved.test.ts'] };
	expect(missingFiles(room)).toEqual(['src/moved.ts', 'test/moved.test.ts']);
});

test.each(['encryption', 'keys', 'keys/kms', 'rotation'])(
	'each file of src/%s is in a room',
	(folder) => {
		const entries = readdirSync(join('src', folder), { withFileTypes: true });
		const files = entries.filter((entry) => entry.isFile()).map(({ name }) => `${folder}/${name}`);
		expect(files.filter((file) => !sourcesOfRooms.includes(file))).toEqual([]);
	},
);

it('selects all rooms, those that are named, or places in one of them', () => {
	expect(select([])).toEqual(roomNames.map((room) => ({ room, places: [] })));
	expect(select(['json', 'keys'])).toEqual([
		{ room: 'json', places: [] },
		{ room: 'keys', places: [] },
	]);
	const places = ['src/encryption/envelope.ts:10-20', 'src/keys/tenant-key.ts'];
	expect(select(['envelope', ...places])).toEqual([{ room: 'envelope', places }]);
});

it.each([
	[['nothing'], /There is no nothing\. There are envelope, /],
	[['src/encryption/canonical-json.ts'], /one room/],
	[['json', 'keys', 'src/encryption/canonical-json.ts'], /one room/],
	[['json', 'src/encryption/envelope.ts'], /name a file of the room json/],
	[['json', 'src/encryption/canonical-json.ts:10'], /src\/encryption\/canonical-json\.ts:10-20/],
])('says what is wrong with %j', (given, message) => {
	expect(select(given)).toMatch(message);
});
