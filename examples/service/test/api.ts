import type { Caller } from '../src/caller.ts';

export interface Answer {
	readonly status: number;
	readonly headers: Headers;
	/** As it came. */
	readonly text: string;
	/** Parsed; `{}` where nothing came. */
	readonly body: Record<string, unknown>;
}

/** The service over HTTP, as one caller. */
export class Api {
	readonly caller: Caller;
	/** What the service answered so far. */
	readonly answers: Answer[] = [];
	readonly #url: string;
	readonly #token: string | undefined;

	constructor(url: string, caller: Caller, token: string | undefined) {
		this.#url = url;
		this.caller = caller;
		this.#token = token;
	}

	async call(
		route: `${'GET' | 'POST' | 'PATCH' | 'DELETE'} /${string}`,
		body?: object | string,
		headers: Record<string, string> = {},
	): Promise<Answer> {
		const [method = '', path] = route.split(' ');
		const response = await fetch(`${this.#url}${path}`, {
			method,
			headers: {
				...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
				...(body === undefined ? {} : { 'content-type': 'application/json' }),
				...headers,
			},
			body: typeof body === 'object' ? JSON.stringify(body) : (body ?? null),
		});
		const text = await response.text();
		const answer = {
			status: response.status,
			headers: response.headers,
			text,
			body: text === '' ? {} : JSON.parse(text),
		};
		this.answers.push(answer);
		return answer;
	}

	/** Creates a destination of Meta Pixel, unless another type is given, and returns its id. */
	async create(changes: Record<string, unknown> = {}): Promise<string> {
		const { status, text, body } = await this.call('POST /destinations', {
			...pixel,
			...changes,
		});
		if (status !== 201) throw new Error(`The destination was not created: ${status} ${text}`);
		return String(body.id);
	}
}

export const secret = 'EAAsecretOfTheTestThatNobodyMaySee7f3a9b2c';

/** A destination with a secret. */
export const pixel = {
	type: 'meta-pixel',
	name: 'Shop',
	settings: { pixelId: '123456789012345', accessToken: secret },
	requiredConsent: ['marketing'],
};
