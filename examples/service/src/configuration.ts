import { z } from 'zod';

const port = z.coerce.number().int().min(0).max(65_535);

const always = z.object({
	HOST: z.string().min(1).default('127.0.0.1'),
	PORT: port.default(3000),
	LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('info'),
});

const data = z.object({
	DATABASE_URL: z.string().min(1),
	/** A second login that alone may switch to `service_role`. */
	DATABASE_SERVICE_URL: z.string().min(1).optional(),
	DESTINATIONS_ENCRYPTION_KEYS: z.string().min(1),
	/** Of the stand-in for the platform's authentication, see caller.ts. */
	TOKEN_SECRET: z.string().min(32),
});

/** What the service keeps its data with. */
export interface DataConfiguration {
	readonly connectionString: string;
	readonly serviceConnectionString: string | undefined;
	readonly keys: string;
	readonly tokenSecret: string;
}

export interface Configuration {
	readonly host: string;
	readonly port: number;
	readonly logLevel: string;
	/** Undefined where the environment says nothing of it, outside production: the service is tried out then. */
	readonly data: DataConfiguration | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws Error that names every variable that is missing or wrong, and repeats no value. */
export function readConfiguration(environment: Environment): Configuration {
	const { HOST, PORT, LOG_LEVEL } = check(always, environment);
	return { host: HOST, port: PORT, logLevel: LOG_LEVEL, data: readData(environment) };
}

function readData(environment: Environment): DataConfiguration | undefined {
	const isTold = Object.keys(data.shape).some((name) => environment[name] !== undefined);
	// Half a configuration is a mistake; a database made up for the occasion must not hide it.
	if (!isTold && environment.NODE_ENV !== 'production') return undefined;
	const told = check(data, environment);
	return {
		connectionString: told.DATABASE_URL,
		serviceConnectionString: told.DATABASE_SERVICE_URL,
		keys: told.DESTINATIONS_ENCRYPTION_KEYS,
		tokenSecret: told.TOKEN_SECRET,
	};
}

function check<T>(schema: z.ZodType<T>, environment: Environment): T {
	const checked = schema.safeParse(environment);
	if (checked.success) return checked.data;
	const wrong = checked.error.issues.map(({ path, message }) => `  ${path.join('.')}: ${message}`);
	throw new Error(`The environment is not complete:\n${wrong.join('\n')}`);
}
