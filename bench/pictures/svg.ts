/**
 * A picture of text, bars and dots, which differ by lightness and shape as well as by colour. Texts have an edge of the
 * background's colour, so that they can be read over a line. Its colours follow the reader's light or dark mode, on a
 * background of its own.
 */
export class Picture {
	readonly #width: number;
	readonly #height: number;
	readonly #description: string;
	readonly #parts: string[] = [];

	constructor(width: number, height: number, description: string) {
		this.#width = width;
		this.#height = height;
		this.#description = escapeText(description);
		this.#parts.push(`<rect class="ground" width="${width}" height="${height}" rx="6"/>`);
	}

	text(x: number, y: number, text: string, style = '', anchor = 'start'): void {
		this.#parts.push(
			`<text x="${round(x)}" y="${round(y)}" class="${style}" text-anchor="${anchor}">${escapeText(text)}</text>`,
		);
	}

	bar(x: number, y: number, width: number, height: number, style: string): void {
		this.#parts.push(
			`<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" class="${style}"/>`,
		);
	}

	line(x1: number, y1: number, x2: number, y2: number, style: string): void {
		this.#parts.push(
			`<path d="M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}" class="${style}"/>`,
		);
	}

	dot(x: number, y: number, style: string): void {
		this.#parts.push(`<circle cx="${round(x)}" cy="${round(y)}" r="4" class="${style}"/>`);
	}

	toString(): string {
		const [width, height] = [this.#width, this.#height];
		return [
			`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${this.#description}">`,
			`<title>${this.#description}</title>`,
			`<style>${style}</style>`,
			...this.#parts,
			'</svg>\n',
		].join('\n');
	}
}

const style = `
text{font:12px system-ui,sans-serif;fill:#1f2328;stroke:#fff;stroke-width:4px;paint-order:stroke;stroke-linejoin:round}.head{font-weight:600}.flat{stroke:none}.dim{fill:#59636e}
.ground{fill:#fff}.box{fill:none;stroke:#59636e}.rule{stroke:#d1d9e0}.one{stroke:#59636e;stroke-dasharray:3 3}.spread{stroke:#1f2328;stroke-width:1.5}.edge{stroke:#fff;stroke-width:4.5}
.ours{fill:#0550ae}.other{fill:#c9d1d9;stroke:#59636e}.s0{fill:#fff;stroke:#0550ae;stroke-width:2}.s1{fill:#4a9ef0;stroke:#0550ae;stroke-width:2}.s2{fill:#0550ae;stroke:#0550ae;stroke-width:2}
@media (prefers-color-scheme:dark){text{fill:#f0f6fc;stroke:#0d1117}.dim{fill:#9198a1}.ground{fill:#0d1117}.box{stroke:#9198a1}.rule{stroke:#3d444d}
.one{stroke:#9198a1}.spread{stroke:#f0f6fc}.edge{stroke:#0d1117}.ours{fill:#79c0ff}.other{fill:#3d444d;stroke:#9198a1}.s0{fill:#0d1117;stroke:#a5d6ff}.s1{fill:#1f6feb;stroke:#a5d6ff}.s2{fill:#a5d6ff;stroke:#a5d6ff}}
`;

const round = (value: number) => Number(value.toFixed(1));

function escapeText(text: string): string {
	return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
