import { counted } from '../doctor/finding.ts';
import type { SealedSettingsProgress } from '../rotation/options.ts';
import type { Printer } from './printer.ts';

const barWidth = 24;
/** How often a bar is redrawn, and how often a log gets a line. */
const redrawMs = 100;
const logMs = 5000;
/** The rate is that of the last seconds, smoothed: the first page says nothing about the last. */
const smoothing = 0.1;

/** Shows how far a run is: one line that is redrawn on a terminal, a line now and then in a log. */
export class ProgressLine {
	readonly #output: Printer;
	readonly #now: () => number;
	readonly #started: number;
	#shownAt = Number.NEGATIVE_INFINITY;
	#last: { at: number; done: number } | undefined;
	#rate: number | undefined;
	#drawn = false;
	#completed = false;

	constructor(output: Printer, now: () => number = () => performance.now()) {
		this.#output = output;
		this.#now = now;
		this.#started = now();
	}

	show(progress: SealedSettingsProgress): void {
		const now = this.#now();
		this.#measure(progress.done, now);
		const pause = this.#output.isTTY ? redrawMs : logMs;
		// The end is shown at once, but not again for each row that came since it was counted.
		const completes = !this.#completed && progress.done >= progress.total;
		if (now - this.#shownAt < pause && !completes) return;
		this.#completed ||= completes;
		this.#shownAt = now;
		if (this.#output.isTTY) this.#draw(progress);
		else this.#output.line(this.#text(progress));
	}

	/** Makes room for a line of its own; the bar is drawn again below it. */
	clear(): void {
		if (!this.#drawn) return;
		this.#output.redraw('');
		this.#drawn = false;
		this.#shownAt = Number.NEGATIVE_INFINITY;
	}

	/** Leaves the bar where it is and ends its line. */
	end(): void {
		if (this.#drawn) this.#output.line('');
		this.#drawn = false;
	}

	#draw(progress: SealedSettingsProgress): void {
		const share = progress.total === 0 ? 1 : Math.min(1, progress.done / progress.total);
		const filled = Math.round(share * barWidth);
		const bar = `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)}`;
		// A line that wraps could not be redrawn.
		const line = `${bar} ${this.#text(progress)}`.slice(0, this.#output.columns - 1);
		this.#output.redraw(line);
		this.#drawn = true;
	}

	#measure(done: number, now: number): void {
		if (this.#last !== undefined && now > this.#last.at) {
			const rate = ((done - this.#last.done) / (now - this.#last.at)) * 1000;
			this.#rate = this.#rate === undefined ? rate : this.#rate + smoothing * (rate - this.#rate);
		}
		this.#last = { at: now, done };
	}

	#text({ done, total, failed }: SealedSettingsProgress): string {
		const share = total === 0 ? 100 : Math.min(100, Math.floor((done / total) * 100));
		const parts = [`${share} % ${grouped(done)} of ${counted(total, 'row')}`];
		if (failed > 0) parts.push(`${grouped(failed)} failed`);
		if (this.#rate !== undefined && this.#rate > 0) {
			parts.push(`${grouped(Math.round(this.#rate))} rows/s`);
			if (done < total) parts.push(`${duration((total - done) / this.#rate)} left`);
		}
		if (done >= total) parts.push(`${elapsed(this.#now() - this.#started)} in all`);
		return parts.join(', ');
	}
}

export function grouped(count: number): string {
	return count.toLocaleString('en-US');
}

function elapsed(milliseconds: number): string {
	return milliseconds < 1000 ? `${Math.ceil(milliseconds)} ms` : duration(milliseconds / 1000);
}

function duration(seconds: number): string {
	const whole = Math.ceil(seconds);
	if (whole < 60) return `${whole} s`;
	if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
	return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
