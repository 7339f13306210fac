import type { Finding } from '../doctor/finding.ts';

/** How many of those that a finding is about are named. */
const namedSubjects = 5;

/**
 * Findings that are the same but for their subject, or wholly, as one with their number. What is to be done about them stays
 * together: the statements of all.
 */
export function saidOnce(findings: readonly Finding[]): Finding[] {
	const groups = new Map<string, Finding[]>();
	for (const finding of findings) {
		const { severity, message, fix, subject = '' } = finding;
		const same = JSON.stringify([severity, message.slice(subject.length), fix]);
		groups.set(same, [...(groups.get(same) ?? []), finding]);
	}
	return [...groups.values()].flatMap((group) => {
		const [first] = group;
		if (first === undefined || group.length === 1) return group;
		const statements = [...new Set(group.flatMap(({ sql }) => (sql === undefined ? [] : [sql])))];
		return [
			{
				...first,
				message: together(first, group),
				...(statements.length === 0 ? {} : { sql: statements.join('\n') }),
			},
		];
	});
}

function together(first: Finding, group: readonly Finding[]): string {
	const subjects = group.flatMap(({ subject }) => (subject === undefined ? [] : [subject]));
	if (subjects.length === 0) return `${first.message} (${group.length} times)`;
	const named = subjects.slice(0, namedSubjects);
	const others = subjects.length - named.length;
	const rest = first.message.slice(first.subject?.length);
	return `${named.join(', ')}${others === 0 ? '' : ` and ${others} others`} (${subjects.length} in all)${rest}`;
}
