/** A process that rotates when it is told to, and can be killed at any moment. */
import { rotateKeys } from '../../../src/rotation/rotate-keys.ts';

process.on('message', ({ connectionString, keys }: { connectionString: string; keys: string }) => {
	rotateKeys({ connectionString, keys, batchSize: 100 }).then(
		(result) => process.send?.({ result }, () => process.exit()),
		(error) => process.send?.({ error: String(error) }, () => process.exit(1)),
	);
});
process.send?.({ ready: true });
