/** Starts a test database and stops it again; prints how many milliseconds the start took. */
import { startTestDatabase } from '../src/testing/index.ts';

const started = performance.now();
const database = await startTestDatabase({ source: 'embedded' });
process.stdout.write(String(performance.now() - started));
await database.stop();
