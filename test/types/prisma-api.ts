import { destinationsExtension } from '../../src/extension/destinations-extension.ts';
import type { PrismaClient } from '../../src/generated/prisma/client.ts';
declare const base: PrismaClient;
const prisma = base.$extends(destinationsExtension({ keys: 'x' }));
export async function f() {
	const d = await prisma.destination.findFirstOrThrow({ where: { id: 'x' } });
	if (d.type === 'posthog') { const h: string = d.settings.host; console.log(h); }
	const m = await prisma.destination.findMany({ include: { organization: true } });
	for (const x of m) if (x.type === 'meta-pixel') { const h: string = x.settings.accessToken + x.organization.id; console.log(h); }
	const s = await prisma.destination.findMany({ select: { name: true } });
	const n: string = s[0]!.name;
	const o = await prisma.destination.findUnique({ where: { id: '' } }).organization();
	const c = await prisma.destination.create({ data: { organizationId: '', type: 'posthog', name: '', settings: { apiKey: '' } }, select: { type: true, settings: true } });
	if (c.type === 'console') { const l: 'debug' | 'info' | 'warn' | 'error' = c.settings.logLevel; console.log(l); }
	const [b] = await prisma.$transaction([prisma.destination.findMany()]);
	const t = await prisma.$transaction(async (tx) => tx.destination.findFirst());
	if (t?.type === 'posthog') console.log(t.settings.apiKey, b);
	// @ts-expect-error
	prisma.destination.findMany({ where: { nope: 1 } });
	// @ts-expect-error
	d.settings.apiKey;
	const w = await prisma.destination.withDeleted().findMany(); if (w[0]?.type === 'posthog') console.log(w[0].settings.apiKey);
	const r = await prisma.destination.restore({ where: { id: 'x' } }); if (r.type === 'posthog') console.log(r.settings.apiKey);
	return [n, o];
}
