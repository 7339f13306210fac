import { diagnose, type Section } from '../../src/doctor/diagnose.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { newKey } from '../rotation/sealed-service.ts';
import { Deployment } from '../tenancy/deployment.ts';

/** What is expected to be said of a thing that was broken: severity and a part of the message. */
export type Complaint = readonly [Finding['severity'], RegExp];

/** A healthy database with two logins, to be broken and examined. */
export class Examined {
	readonly deployment: Deployment;
	readonly tenantUrl: string;
	readonly serviceUrl: string;
	readonly keys: string;
	#healthy: readonly Finding[] = [];

	private constructor(deployment: Deployment, tenantUrl: string, serviceUrl: string) {
		this.deployment = deployment;
		this.tenantUrl = tenantUrl;
		this.serviceUrl = serviceUrl;
		this.keys = `test:${newKey()}`;
	}

	static async open(): Promise<Examined> {
		const deployment = await Deployment.open();
		const examined = new Examined(
			deployment,
			await deployment.newLogin('authenticated'),
			await deployment.newLogin('service_role'),
		);
		await examined.#keepOthersOut();
		examined.#healthy = await examined.findings();
		return examined;
	}

	/** Other tests make logins on the same server, which could otherwise come here. */
	async #keepOthersOut(): Promise<void> {
		const logins = [this.tenantUrl, this.serviceUrl].map((url) => new URL(url).username);
		const database = await this.#database();
		await this.run(`REVOKE CONNECT ON DATABASE ${database} FROM PUBLIC;
			GRANT CONNECT ON DATABASE ${database} TO ${logins.join(', ')}`);
	}

	/** Lets one more login come here. */
	async letIn(login: string): Promise<void> {
		await this.run(`GRANT CONNECT ON DATABASE ${await this.#database()} TO ${login}`);
	}

	async keepOut(login: string): Promise<void> {
		await this.run(`REVOKE CONNECT ON DATABASE ${await this.#database()} FROM ${login}`);
	}

	/** Does something while one more login may come here: the one that may switch to both roles. */
	async withOneLogin(work: (url: string) => Promise<void>): Promise<void> {
		const { url } = this.deployment;
		const grant = `CONNECT ON DATABASE ${await this.#database()}`;
		const { username } = new URL(url);
		await this.run(`GRANT ${grant} TO ${username}`);
		try {
			await work(url);
		} finally {
			await this.run(`REVOKE ${grant} FROM ${username}`);
		}
	}

	async #database(): Promise<string> {
		const [row] = await this.deployment.rows<{ name: string }>('SELECT current_database() AS name');
		return row?.name ?? '';
	}

	close(): Promise<void> {
		return this.deployment.close();
	}

	sections(options: Parameters<typeof diagnose>[0] = {}): Promise<Section[]> {
		return diagnose({
			connectionString: this.tenantUrl,
			serviceConnectionString: this.serviceUrl,
			keys: this.keys,
			...options,
		});
	}

	/** Everything but what is well. */
	async findings(options: Parameters<typeof diagnose>[0] = {}): Promise<Finding[]> {
		const sections = await this.sections(options);
		return sections.flatMap(({ findings }) => findings).filter(({ severity }) => severity !== 'ok');
	}

	/** What is said now and was not when all was well. */
	async complaints(options: Parameters<typeof diagnose>[0] = {}): Promise<Finding[]> {
		const healthy = this.#healthy.map(({ message }) => message);
		return (await this.findings(options)).filter(({ message }) => !healthy.includes(message));
	}

	/** As superuser. */
	async run(sql: string): Promise<void> {
		// What cannot run in a transaction cannot share a message with others.
		const statements = sql.includes('CONCURRENTLY') ? sql.split('\n') : [sql];
		for (const statement of statements) await this.deployment.admin.query(statement);
	}

	/** Breaks something, expects exactly these complaints, follows their fixes, and expects none. */
	async expectHealing(broken: string, ...expected: Complaint[]): Promise<void> {
		await this.run(broken);
		const complaints = await this.complaints();
		expectComplaints(complaints, ...expected);
		for (const { sql } of complaints) if (sql !== undefined) await this.run(sql);
		expect(await this.complaints()).toEqual([]);
	}
}

export function expectComplaints(complaints: readonly Finding[], ...expected: Complaint[]): void {
	expect(complaints).toEqual(
		expected.map(([severity, message]) =>
			expect.objectContaining({ severity, message: expect.stringMatching(message) }),
		),
	);
	for (const { severity, fix, sql } of complaints) {
		if (severity !== 'note') expect(fix ?? sql).toEqual(expect.any(String));
	}
}
