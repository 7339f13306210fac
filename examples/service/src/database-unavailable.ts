import { z } from 'zod';

/** P1000 to P1017, which are about the connection: https://www.prisma.io/docs/orm/reference/error-reference */
const ofPrisma = z.object({ code: z.string().regex(/^P1\d{3}$/) });

/**
 * Connection exceptions, insufficient resources, operator intervention:
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const sqlState = z.object({ originalCode: z.string().regex(/^(08|53|57P)/) });
const ofPostgres = z.object({
	meta: z.object({ driverAdapterError: z.object({ cause: sqlState }) }),
});

/** Of pg, which gives these no code. */
const ofPg = z.object({
	message: z.string().regex(/^(Connection terminated|timeout exceeded when trying to connect)/),
});

const known = z.union([ofPrisma, ofPostgres, ofPg]);

/** Whether trying again in a moment may help. The package leaves such errors as Prisma or pg made them. */
export function isDatabaseUnavailable(error: unknown): boolean {
	return error instanceof Error && known.safeParse(error).success;
}
