import type { ProviderRequest } from './requests.ts';

/** A provider that takes longer must not hold up what comes behind. */
const patience = 10_000;

/** Sends a request. The error names the host alone, since the path and the body may hold secrets. */
export async function send({ url, body }: ProviderRequest): Promise<void> {
	const response = await fetch(url, {
		method: 'POST',
		headers: { 'content-type': 'application/json' },
		body: JSON.stringify(body),
		signal: AbortSignal.timeout(patience),
	});
	// Read to its end, so that the connection can be used again.
	await response.arrayBuffer();
	if (!response.ok) throw new Error(`${new URL(url).host} answered with ${response.status}`);
}
