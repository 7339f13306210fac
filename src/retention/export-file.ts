import { Buffer } from 'node:buffer';
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { ConfigurationError, UnavailableError } from '../errors.ts';
import { messageOf } from '../input/message-of.ts';

/** What stands beside the file: how much of it is safe, and where the export goes on behind that. */
const savedState = z.object({ cursor: z.string().optional(), bytes: z.int().min(0) });

type State = z.output<typeof savedState>;

/** How long entries may be in the file before it is said that they are, in milliseconds. A killed run repeats as much. */
const saveEvery = 1_000;
const bufferedBytes = 256 * 1024;

/**
 * A file of JSON Lines that exports append to, one after another. A run that is killed leaves what it wrote behind the last saved
 * place: the next run cuts that off and goes on there, so that each entry is in the file once.
 */
export class ExportFile implements AsyncDisposable {
	readonly #path: string;
	readonly #file: FileHandle;
	#state: State;
	#savedAt = performance.now();
	#bytes: number;
	#buffer: string[] = [];
	#buffered = 0;
	/** The place that the last entries have led to, not saved yet. */
	#reached: State | undefined;

	private constructor(path: string, file: FileHandle, state: State) {
		this.#path = path;
		this.#file = file;
		this.#state = state;
		this.#bytes = state.bytes;
	}

	/** @throws ConfigurationError if it cannot be written, is in use, or is not what an export left. */
	static async open(path: string): Promise<ExportFile> {
		await takeLock(path);
		let file: FileHandle | undefined;
		try {
			const state = await readState(path);
			file = await openFile(path);
			await checkFile(path, file, state);
			// From now on it is known as an export, also if this one is killed.
			if (state === undefined) await writeState(path, { bytes: 0 }).catch(cannot(path));
			await file.truncate(state?.bytes ?? 0).catch(cannot(path));
			return new ExportFile(path, file, state ?? { bytes: 0 });
		} catch (error) {
			await file?.close();
			await rm(lockOf(path), { force: true });
			throw error;
		}
	}

	/** Where the export goes on; undefined at the beginning. */
	get cursor(): string | undefined {
		return this.#state.cursor;
	}

	/** Notes that all lines so far lead to this place. */
	reached(cursor: string): void {
		this.#reached = { cursor, bytes: this.#bytes + this.#buffered };
	}

	async append(line: string): Promise<void> {
		if (this.#reached !== undefined && performance.now() - this.#savedAt > saveEvery) {
			await this.save();
		}
		this.#buffer.push(line);
		this.#buffered += Buffer.byteLength(line);
		if (this.#buffered >= bufferedBytes) await this.#write();
	}

	/** Writes what there is to the disk, and then the place that it leads to. */
	async save(): Promise<void> {
		await this.#write();
		const state = this.#reached;
		if (state === undefined) return;
		try {
			await this.#file.datasync();
			const { size } = await this.#file.stat();
			if (size !== this.#bytes) throw new Error('somebody else writes to it');
			await writeState(this.#path, state);
		} catch (error) {
			throw failed(this.#path, error);
		}
		this.#state = state;
		this.#reached = undefined;
		this.#savedAt = performance.now();
	}

	async #write(): Promise<void> {
		if (this.#buffered === 0) return;
		try {
			const bytes = Buffer.from(this.#buffer.join(''));
			let written = 0;
			while (written < bytes.length) {
				const place = this.#bytes + written;
				const { bytesWritten } = await this.#file.write(bytes, written, undefined, place);
				written += bytesWritten;
			}
			this.#bytes += written;
		} catch (error) {
			throw failed(this.#path, error);
		}
		this.#buffer = [];
		this.#buffered = 0;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#file.close();
		await rm(lockOf(this.#path), { force: true });
	}
}

const stateOf = (path: string) => `${path}.cursor`;
const lockOf = (path: string) => `${path}.lock`;

const cannot = (path: string) => (error: unknown) => {
	throw new ConfigurationError(`The file ${path} cannot be written: ${messageOf(error)}`);
};

function failed(path: string, error: unknown): UnavailableError {
	return new UnavailableError(
		`The log could not be exported to ${path}: ${messageOf(error)}. Nothing of it was removed.`,
	);
}

/** Others may not read it: who did what is in it. */
async function openFile(path: string): Promise<FileHandle> {
	const made = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
		if (error.code === 'EEXIST') return undefined;
		return cannot(path)(error);
	});
	return made ?? open(path, 'r+').catch(cannot(path));
}

/** @throws ConfigurationError if it is not what an export left, or the beginning of one. */
async function checkFile(path: string, file: FileHandle, state: State | undefined): Promise<void> {
	const found = await file.stat();
	if (!found.isFile()) throw new ConfigurationError(`${path} is not a file: name one.`);
	if (state === undefined && found.size > 0) {
		throw new ConfigurationError(
			`The file ${path} is not empty and has no ${path}.cursor beside it: name another file.`,
		);
	}
	if (state !== undefined && found.size < state.bytes) {
		throw new ConfigurationError(
			`The file ${path} is shorter than what was exported to it: bring it back, or name another file, which begins with the oldest entry.`,
		);
	}
}

async function readState(path: string): Promise<State | undefined> {
	const text = await readFile(stateOf(path), 'utf8').catch((error: NodeJS.ErrnoException) => {
		if (error.code === 'ENOENT') return undefined;
		return cannot(stateOf(path))(error);
	});
	if (text === undefined) return undefined;
	try {
		return savedState.parse(JSON.parse(text));
	} catch {
		throw new ConfigurationError(
			`The file ${stateOf(path)} is not what an export left: name another file to export to.`,
		);
	}
}

/** Replaces the one before in one step, which is on the disk when this returns. */
async function writeState(path: string, state: State): Promise<void> {
	const next = `${stateOf(path)}.next`;
	const file = await open(next, 'w', 0o600);
	try {
		await file.writeFile(JSON.stringify(state));
		await file.sync();
	} finally {
		await file.close();
	}
	await rename(next, stateOf(path));
	const folder = await open(dirname(path), 'r');
	await folder.sync().finally(() => folder.close());
}

/** A file that says which process exports. One that was killed leaves it behind. */
async function takeLock(path: string): Promise<void> {
	for (let attempt = 0; attempt < 2; attempt += 1) {
		try {
			const lock = await open(lockOf(path), 'wx', 0o600);
			await lock.writeFile(String(process.pid));
			await lock.close();
			return;
		} catch (error) {
			// The cast only reads the code that Node's errors have.
			if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return cannot(path)(error);
			const owner = Number(await readFile(lockOf(path), 'utf8').catch(() => ''));
			if (isAlive(owner)) break;
			await rm(lockOf(path), { force: true });
		}
	}
	throw new ConfigurationError(
		`Another process exports to ${path}. If none does, remove ${lockOf(path)}.`,
	);
}

function isAlive(pid: number): boolean {
	if (!Number.isInteger(pid) || pid <= 0) return false;
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === 'EPERM';
	}
}
