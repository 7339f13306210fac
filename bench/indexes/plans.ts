import type { PlanNode, RunStatement } from './plan-tap.ts';

/** How the statements of an operation came to their rows. */
export interface Access {
	/** The indexes of this package's tables that were used, by name. */
	readonly indexes: readonly string[];
	/** This package's tables that were read from end to end. */
	readonly readWhole: readonly string[];
	/** Whether rows were sorted; finishing the order that an index begins does not count. */
	readonly sorts: boolean;
	/** How many rows of this package's tables were looked at, taken or not. */
	readonly rowsRead: number;
}

export function accessOf(statements: readonly RunStatement[]): Access {
	const nodes = statements.flatMap(({ Plan }) => nodesOf(Plan));
	const scans = nodes.filter(
		(node) => isOurs(node['Relation Name']) && node['Node Type'] !== 'ModifyTable',
	);
	return {
		indexes: distinct(nodes.map((node) => node['Index Name'])),
		readWhole: distinct(
			scans.filter((node) => node['Node Type'] === 'Seq Scan').map((node) => node['Relation Name']),
		),
		sorts: nodes.some((node) => node['Node Type'] === 'Sort'),
		rowsRead: scans.reduce((sum, node) => sum + rowsOf(node), 0),
	};
}

function nodesOf(node: PlanNode): PlanNode[] {
	return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

/** Tables and indexes alike: `destinations_pkey`, `idx_destination_audit_log_destination`. */
function isOurs(name: string | undefined): name is string {
	return name !== undefined && /^(idx_)?destination(s$|s?_)/.test(name);
}

function distinct(names: readonly (string | undefined)[]): string[] {
	return [...new Set(names.filter(isOurs))].sort();
}

/** Counts are means over the times that the node ran. */
function rowsOf(node: PlanNode): number {
	const each =
		(node['Actual Rows'] ?? 0) +
		(node['Rows Removed by Filter'] ?? 0) +
		(node['Rows Removed by Index Recheck'] ?? 0);
	return Math.round(each * (node['Actual Loops'] ?? 1));
}
