// Jest would compile TypeScript to CommonJS here, from which the ESM-only embedded Postgres cannot be
// loaded; tsx loads it as it is.
import { tsImport } from 'tsx/esm/api';

/** @type {() => Promise<void>} */
export default async function setUp() {
	const { startServer } = await tsImport('./server.ts', import.meta.url);
	await startServer();
}
