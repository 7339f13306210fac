/**
 * Starts a test database and says where it is, or why it did not start. Then it waits, or with the argument
 * `forget` comes to its end without stopping the database.
 */
import { startTestDatabase } from '../../../src/testing/index.ts';

try {
	const { connectionString } = await startTestDatabase();
	process.stdout.write(`${connectionString}\n`);
	if (process.argv[2] !== 'forget') setInterval(() => {}, 1000);
} catch (error) {
	process.stdout.write(`${JSON.stringify(error)}\n`);
}
