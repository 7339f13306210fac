/** Why something cannot be measured here, in a sentence that says what to do. */
export class Refusal extends Error {}
