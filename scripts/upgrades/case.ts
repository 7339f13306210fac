/** Something that an upgrade must not break. Returns what is printed. @throws Untried, and whatever broke */
export interface Case {
	readonly name: string;
	run(): Promise<string>;
}

/** Why a case cannot be tried here. */
export class Untried extends Error {}
