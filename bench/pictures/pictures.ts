import { freshnessPicture } from './freshness.ts';
import { growthPicture } from './growth.ts';
import { peersPicture } from './peers.ts';
import { timePicture } from './time.ts';

/** Every picture of figures, by the name of its file. */
export const pictures = new Map([
	['peers', peersPicture],
	['growth', growthPicture],
	['time', timePicture],
	['freshness', freshnessPicture],
]);
