/** @type {() => Promise<void>} */
export default async function tearDown() {
	await globalThis.stopTestServer?.();
}
