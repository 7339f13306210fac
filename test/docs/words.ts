import ts from 'typescript';
import type { Document } from './markdown.ts';

/** A word that public text does not use, because newcomers do not know what it means here. */
interface Word {
	readonly found: RegExp;
	readonly because: string;
	readonly instead: string;
}

const word = (found: RegExp, because: string, instead: string): Word => ({
	found,
	because,
	instead,
});

const words: readonly Word[] = [
	word(/\bwalls?\b(?!-clock)/gi, 'a picture, not a term', 'isolation, isolation boundary'),
	word(
		/\bmay become\b|\bbecomes? (?:its|another|no other|any other|their|the)? ?(?:role\b|`?(?:authenticated|service_role|destinations_loader)\b)/gi,
		'Postgres has a term for it',
		'is a member of the role, can SET ROLE',
	),
	word(/\bservice's word\b/gi, 'not a term', 'trusted input'),
	word(/\bgets? to hear\b/gi, 'nobody hears', 'sees'),
	word(/\bback again\b/gi, 'says nothing as a heading', 'rolling back'),
	word(/\bwithout a way to\b/gi, 'the field has a term', 'offline, without access to'),
	word(/\ban end without loss\b/gi, 'the field has a term', 'graceful shutdown'),
	word(/\bas good as once\b/gi, 'the field has a term', 'idempotent'),
	word(/\boutsourc\w+/gi, 'means something else', 'external key management, a KMS'),
	word(/\bforms? for (?:lists|logs)\b/gi, 'a form is what users fill in', 'redacted copy'),
	word(/(?<!there )\b(?:is|are|was|were) none\b/gi, 'not English', 'is not valid, is not a …'),
	word(
		/(?<!there |that )\b(?:is|are|was) no (?!longer|more|other|such|fewer|way|\w+er than)/gi,
		'not English, where something is not a thing of a kind',
		'is not a …',
	),
	word(/\b(?:gives|gave)\b(?! up| back)/gi, 'people give, functions do not', 'returns, throws'),
	word(
		/\b(?:tells?|told|telling)\b/gi,
		'people tell, programs do not',
		'says, shows, prints, distinguishes',
	),
	word(/\bhangs? on\b/gi, 'an idiom', 'depends on'),
	word(/\blet be\b|\blet [^.\n]{1,40}\bbe,/gi, 'an idiom', 'leave unchanged, keep'),
	word(/\b(?:can|could|cannot|to|not) be had\b/gi, 'old English', 'is available'),
	word(/\banew\b/gi, 'old English', 'again'),
	word(/\bhears?\b/gi, 'programs do not hear', 'sees, gets, is called for'),
	word(/\bsmuggl\w+/gi, 'a picture, not a term', 'injects'),
	word(/\bgo(?:es)? behind row/gi, 'the field has a term', 'bypasses row level security'),
	word(/\bmade by hand\b/gi, 'says who, not what', 'created by hand'),
	word(/\bin the place of\b/gi, 'old English', 'instead of'),
	word(/\bby intent\b/gi, 'not English', 'deliberately'),
	word(/\bin whose name\b/gi, 'old English', 'for whom, as whom'),
	word(/\b(?:is|are|was|were|be|been) away\b/gi, 'services do not travel', 'is unavailable'),
	word(/\bas ever\b/gi, 'old English', 'as usual'),
	word(/\b(?:errand|keeper|impostor)s?\b/gi, 'a picture, not a term', 'task, owner, look-alike'),
	word(/\btickets?\b/gi, 'adopters have not read it', 'the first specification, or nothing'),
];

/** Words that the code has for what documents call otherwise: one concept has one word in what users read. */
const wordsOfTheCode: readonly Word[] = [
	word(
		/\b(?:un|re)?seal(?:s|ed|ing)?\b/gi,
		'documents say encrypt',
		'encrypt; an encrypted row is bound to its organization',
	),
	word(
		/\b(?:settings|rows?|those|they|them|that) (?:does|do|did) not open\b/gi,
		'documents say decrypt',
		'does not decrypt',
	),
	word(/\bremove(?:s|d)? [^.\n]{0,40}for good\b/gi, 'an idiom', 'permanently'),
];

export interface Finding {
	readonly place: string;
	readonly found: string;
	readonly because: string;
	readonly instead: string;
}

/** Every word of the list in a text; with `forUsers`, those of the code too. */
export function findWords({ path, text }: Document, forUsers = false): Finding[] {
	return [...words, ...(forUsers ? wordsOfTheCode : [])].flatMap(({ found, because, instead }) =>
		[...text.matchAll(found)].map((match) => ({
			place: `${path}:${text.slice(0, match.index).split('\n').length}`,
			found: match[0],
			because,
			instead,
		})),
	);
}

/** What readers see of a source: comments and texts, without names and keywords. Lines stay where they are. */
export function readableText({ path, text }: Document): Document {
	const readable = text.replace(/[^\n]/g, ' ').split('');
	const keep = (from: number, to: number) => {
		for (let at = from; at < to; at += 1) readable[at] = text[at] ?? ' ';
	};
	const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
	const visit = (node: ts.Node): void => {
		const isText = ts.isStringLiteralLike(node) && !ts.isImportDeclaration(node.parent);
		if (isText || ts.isTemplateLiteralToken(node)) {
			keep(node.getStart(), node.end);
		}
		for (const { pos, end } of ts.getLeadingCommentRanges(text, node.pos) ?? []) keep(pos, end);
		for (const { pos, end } of ts.getTrailingCommentRanges(text, node.end) ?? []) keep(pos, end);
		// Tokens too: `forEachChild` leaves out those before which a comment may stand.
		for (const child of node.getChildren(source)) visit(child);
	};
	visit(source);
	return { path, text: readable.join('') };
}
