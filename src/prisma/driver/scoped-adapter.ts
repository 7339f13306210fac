import {
	DriverAdapterError,
	type IsolationLevel,
	type SqlDriverAdapter,
	type SqlDriverAdapterFactory,
	type SqlQuery,
	type SqlQueryable,
	type SqlResultSet,
	type Transaction,
} from '@prisma/driver-adapter-utils';
import type { FieldDef, QueryArrayResult, QueryConfig } from 'pg';
import { requireContext } from '../../database/execution-context.ts';
import type { Scope } from '../../database/scope.ts';
import type { ScopedConnection } from '../../database/scoped-connection.ts';
import type { ScopedPool } from '../../database/scoped-pool.ts';
import type { StatementOptions } from '../../database/scoped-sql.ts';
import { columnParsers, columnTypeOf } from './column-types.ts';
import { toPrismaError } from './driver-errors.ts';
import { inOrderOfLog } from './log-order.ts';
import { amongOwn } from './own-rows.ts';
import { toParameter } from './parameters.ts';

const description = {
	provider: 'postgres',
	adapterName: '@consent-io/destinations',
} as const;

/** What sends a statement in the scope that is current: a pool, or the connection of a transaction. */
interface Sender {
	query(statement: QueryConfig, options: StatementOptions): Promise<QueryArrayResult>;
}

/** The driver that Prisma's client speaks to Postgres by: a pool that scopes every statement. */
export class ScopedAdapter implements SqlDriverAdapterFactory {
	readonly provider = description.provider;
	readonly adapterName = description.adapterName;
	readonly #pool: ScopedPool;

	constructor(pool: ScopedPool) {
		this.#pool = pool;
	}

	async connect(): Promise<SqlDriverAdapter> {
		const pool = this.#pool;
		// Prisma opens a closed client again when it is used.
		pool.requireOpen(requireContext());
		return {
			...queryable(pool, () => requireContext().scope, pool.nameStatement),
			startTransaction: (isolationLevel) => startTransaction(pool, isolationLevel),
			executeScript: async () => {
				throw new Error('Scripts are for migrations, which run outside any scope');
			},
			getConnectionInfo: () => ({ supportsRelationJoins: true }),
			// The pool belongs to whoever made it.
			dispose: async () => {},
		};
	}
}

async function startTransaction(
	pool: ScopedPool,
	isolationLevel: IsolationLevel | undefined,
): Promise<Transaction> {
	const { scope } = requireContext();
	const connection = await translated(pool.connect());
	const run = (sql: string) => translated(connection.query({ text: sql }));
	try {
		await run('BEGIN');
		if (isolationLevel !== undefined) {
			await run(`SET TRANSACTION ISOLATION LEVEL ${isolationLevel}`);
		}
	} catch (error) {
		connection.release();
		throw error;
	}
	const release = async () => connection.release();
	return {
		...queryable(connection, () => scope, pool.nameStatement),
		// Prisma sends COMMIT and ROLLBACK itself, and says afterwards that it did.
		options: { usePhantomQuery: false },
		commit: release,
		rollback: release,
		createSavepoint: async (name) => void (await run(`SAVEPOINT ${name}`)),
		rollbackToSavepoint: async (name) => void (await run(`ROLLBACK TO SAVEPOINT ${name}`)),
		releaseSavepoint: async (name) => void (await run(`RELEASE SAVEPOINT ${name}`)),
	};
}

function queryable(
	sender: ScopedPool | ScopedConnection,
	scopeOf: () => Scope,
	nameStatement: ScopedPool['nameStatement'],
): SqlQueryable {
	const send = ({ sql, args, argTypes }: SqlQuery) => {
		const { organizationId } = scopeOf();
		const values = args.map((value, index) => toParameter(value, argTypes[index]));
		const inOrder = inOrderOfLog(sql, organizationId !== undefined);
		const own = organizationId === undefined ? undefined : amongOwn(sql, values.length);
		if (own !== undefined) values.push(organizationId);
		const text = inOrder ?? own ?? sql;
		const statement = {
			text,
			name: nameStatement({ sql: text }),
			values,
			types: columnParsers,
		};
		return translated((sender as Sender).query(statement, { inOrder: inOrder !== undefined }));
	};
	return {
		...description,
		queryRaw: async (query) => {
			const { fields, rows } = await send(query);
			return { ...columnsOf(fields), rows };
		},
		executeRaw: async (query) => (await send(query)).rowCount ?? 0,
	};
}

async function translated<T>(sent: Promise<T>): Promise<T> {
	try {
		return await sent;
	} catch (error) {
		throw toPrismaError(error);
	}
}

type Columns = Pick<SqlResultSet, 'columnNames' | 'columnTypes'>;

/** A prepared statement has the same fields at each run. */
const known = new WeakMap<FieldDef[], Columns>();

function columnsOf(fields: FieldDef[]): Columns {
	const before = known.get(fields);
	if (before !== undefined) return before;
	const columns = {
		columnNames: fields.map(({ name }) => name),
		columnTypes: fields.map(({ dataTypeID }) => {
			const type = columnTypeOf(dataTypeID);
			if (type !== undefined) return type;
			throw new DriverAdapterError({
				kind: 'UnsupportedNativeDataType',
				type: `with OID ${dataTypeID}`,
			});
		}),
	};
	known.set(fields, columns);
	return columns;
}
