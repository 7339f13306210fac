import { Picture } from '../../bench/pictures/svg.ts';
import type { Field, Model } from './models.ts';

const [width, rowHeight, headHeight, gap, top] = [880, 19, 28, 26, 62];

/** Where the columns of the picture are: tables that others refer to, tables that refer to them, and tables that do neither. */
const places = {
	referredTo: { x: 16, width: 128 },
	referring: { x: 216, width: 312 },
	alone: { x: 552, width: 312 },
} as const;

interface Box {
	readonly model: Model;
	readonly columns: readonly Field[];
	readonly x: number;
	readonly y: number;
	readonly width: number;
}

/** Draws the tables as boxes, and their foreign keys as lines. */
export function entityPicture(models: readonly Model[]): string {
	const targets = new Set(
		models.flatMap(({ fields }) => fields.map(({ refersTo }) => refersTo?.model)),
	);
	const refers = ({ fields }: Model) => fields.some(({ refersTo }) => refersTo !== undefined);
	// The smaller ones first, so that no line crosses another.
	const bySize = (a: Model, b: Model) => a.fields.length - b.fields.length;
	const referring = stack(models.filter(refers).sort(bySize), places.referring);
	const alone = stack(
		models.filter((model) => !refers(model) && !targets.has(model.name)),
		places.alone,
	);
	const referredTo = models
		.filter(({ name }) => targets.has(name))
		.map((model) => opposite(model, referring));
	const boxes = [...referredTo, ...referring, ...alone];
	const height = Math.max(...boxes.map(bottomOf)) + 20;
	const picture = new Picture(width, height, 'Tables and their foreign keys');
	picture.text(16, 26, 'Tables and their foreign keys', 'head');
	picture.text(
		16,
		44,
		'PK: primary key. FK: foreign key, at the fork; many rows refer to the one row at the other end. null: the column can be null.',
		'dim',
	);
	for (const box of boxes) drawBox(picture, box);
	for (const [index, target] of referredTo.entries()) {
		drawKeys(picture, target, referring, target.x + target.width + 22 + index * 20);
	}
	return picture.toString();
}

const columnsOf = ({ fields }: Model) => fields.filter(({ refersTo }) => refersTo === undefined);

function stack(models: readonly Model[], place: { readonly x: number; readonly width: number }) {
	let y = top;
	return models.map((model): Box => {
		const box = { model, columns: columnsOf(model), y, ...place };
		y = bottomOf(box) + gap;
		return box;
	});
}

/** A table that is referred to, with its key beside the last foreign keys that lead to it. */
function opposite(model: Model, referring: readonly Box[]): Box {
	const keys = referring.flatMap((box) => keysTo(model, box));
	const y = (keys.at(-1) ?? top) - headHeight - rowHeight / 2;
	return { model, columns: columnsOf(model), y, ...places.referredTo };
}

/** Where the foreign keys of a table that lead to another are. */
function keysTo({ name }: Model, box: Box): number[] {
	return box.model.fields
		.filter(({ refersTo }) => refersTo?.model === name)
		.map(({ refersTo }) => rowOf(box, refersTo?.by ?? ''));
}

function rowOf({ columns, y }: Box, name: string): number {
	const index = columns.findIndex((column) => column.name === name);
	return y + headHeight + index * rowHeight + rowHeight / 2;
}

function bottomOf({ columns, y }: Pick<Box, 'columns' | 'y'>): number {
	return y + headHeight + columns.length * rowHeight + 4;
}

function drawBox(picture: Picture, box: Box): void {
	const { model, columns, x, y, width } = box;
	const foreign = new Set(model.fields.map(({ refersTo }) => refersTo?.by));
	picture.bar(x, y, width, headHeight - 4, 'other');
	picture.bar(x, y, width, bottomOf(box) - y, 'box');
	picture.text(x + 10, y + 16, model.table, 'head flat');
	for (const { name, column, type, isKey, isOptional } of columns) {
		const line = rowOf(box, name) + 4;
		const key = [...(isKey ? ['PK'] : []), ...(foreign.has(name) ? ['FK'] : [])].join(' ');
		if (key !== '') picture.text(x + 10, line, key, 'dim');
		picture.text(x + 36, line, column, isKey ? 'head' : '');
		if (width > 200) picture.text(x + 174, line, type, 'dim');
		else picture.text(x + width - 10, line, type, 'dim', 'end');
		if (isOptional) picture.text(x + width - 10, line, 'null', 'dim', 'end');
	}
}

/** The foreign keys that lead to a table, from its key over one upright line to each, with a fork at its end. */
function drawKeys(picture: Picture, target: Box, referring: readonly Box[], upright: number): void {
	const [key] = target.columns;
	if (key === undefined) return;
	const from = rowOf(target, key.name);
	const ends = referring.flatMap((box) => keysTo(target.model, box).map((y) => ({ box, y })));
	const all = [from, ...ends.map(({ y }) => y)];
	picture.line(target.x + target.width, from, upright, from, 'spread');
	picture.line(upright, Math.min(...all), upright, Math.max(...all), 'spread');
	for (const { box, y } of ends) {
		picture.line(upright, y, box.x, y, 'spread');
		for (const side of [-5, 5]) picture.line(box.x - 9, y, box.x, y + side, 'spread');
	}
}
