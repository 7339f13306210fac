import { expect, it } from 'vitest';
import { readConfiguration } from '../src/configuration.ts';

const complete = {
	DATABASE_URL: 'postgresql://tenant:password@db/app',
	DESTINATIONS_ENCRYPTION_KEYS: `2026-11:${'4f'.repeat(32)}`,
	TOKEN_SECRET: 'a secret of the tests that is long enough',
};

it('reads the environment', () => {
	expect(readConfiguration({ ...complete, PORT: '8080', HOST: '0.0.0.0' })).toEqual({
		host: '0.0.0.0',
		port: 8080,
		logLevel: 'info',
		data: {
			connectionString: complete.DATABASE_URL,
			serviceConnectionString: undefined,
			keys: complete.DESTINATIONS_ENCRYPTION_KEYS,
			tokenSecret: complete.TOKEN_SECRET,
		},
	});
});

it('has no data where nothing is said of it, so that the service is tried out', () => {
	expect(readConfiguration({})).toMatchObject({ port: 3000, data: undefined });
});

it.each([
	['nothing in production', { NODE_ENV: 'production' }, 'DATABASE_URL'],
	['no database', { ...complete, DATABASE_URL: undefined }, 'DATABASE_URL'],
	['an empty database', { ...complete, DATABASE_URL: '' }, 'DATABASE_URL'],
	['no keys', { DATABASE_URL: complete.DATABASE_URL }, 'DESTINATIONS_ENCRYPTION_KEYS'],
	['a short secret for tokens', { ...complete, TOKEN_SECRET: 'short' }, 'TOKEN_SECRET'],
	['a port that is not a number', { PORT: 'http' }, 'PORT'],
])('refuses %s, and repeats no value', (_, environment, named) => {
	const read = () => readConfiguration(environment);
	expect(read).toThrow(named);
	expect(read).toThrow(/^(?!.*(password|4f4f|short)).*$/s);
});
