/**
 * The configuration with which Prisma's command migrates a database of a service. The whole
 * `prisma.config.ts` of a service:
 *
 * @example
 * ```ts
 * export { default } from '@consent-io/destinations/prisma-config';
 * ```
 */
declare const config: {
	schema: string;
	migrations: { path: string };
	/** `DATABASE_URL`, with the schema in which Prisma keeps its books. */
	datasource: { url: string };
};
export default config;
