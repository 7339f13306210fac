import { isRoomName, missingFiles, type RoomName, roomNames, roomOf } from './rooms.ts';

/** What one run of the command looks at. */
export interface Selection {
	readonly room: RoomName;
	/** Files of the room, each perhaps with lines, as in `src/encryption/canonical-json.ts:10-20`; none for the whole room. */
	readonly places: readonly string[];
}

/** What the arguments of the command select, or what is wrong with them. */
export function select(given: readonly string[]): readonly Selection[] | string {
	const names = given.filter(isRoomName);
	const others = given.filter((argument) => !isRoomName(argument));
	const places = others.filter((argument) => argument.startsWith('src/'));
	const unknown = others.filter((argument) => !argument.startsWith('src/'));
	if (unknown.length > 0) {
		return `There is no ${unknown.join(', ')}. There are ${roomNames.join(', ')}.`;
	}
	if (places.length > 0 && names.length !== 1) return 'Name the one room that the files belong to.';
	const rooms = names.length > 0 ? names : roomNames;
	for (const room of rooms) {
		const missing = missingFiles(roomOf(room));
		if (missing.length > 0)
			return `The room ${room} names what is not there: ${missing.join(', ')}.`;
		const sources = roomOf(room).sources.map((source) => `src/${source}`);
		const strange = places.filter((place) => !isPlaceIn(sources, place));
		if (strange.length > 0) {
			return `${strange.join(', ')}: name a file of the room ${room}, perhaps with lines as in ${sources[0]}:10-20.`;
		}
	}
	return rooms.map((room) => ({ room, places }));
}

function isPlaceIn(sources: readonly string[], place: string): boolean {
	const [file = '', lines] = place.split(':');
	return sources.includes(file) && (lines === undefined || /^\d+-\d+$/.test(lines));
}
