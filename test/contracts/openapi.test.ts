import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import * as contracts from '../../src/contracts/index.ts';
import { redact } from '../../src/destinations/redact.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { destinationOf, samples } from '../destinations/support/samples.ts';
import { jsonSchemaOf, serviceOpenApi } from './service-openapi.ts';

test('the OpenAPI document of the example service is valid', () => {
	// An ES module alone, which a CommonJS Jest cannot load.
	const validate = `import { Validator } from '@seriousme/openapi-schema-validator';
		console.log(JSON.stringify(await new Validator().validate(JSON.parse(process.argv[1]))))`;
	const validated = (document: object) => {
		const args = ['--input-type=module', '--eval', validate, JSON.stringify(document)];
		return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
	};
	expect(validated(serviceOpenApi())).toEqual({ valid: true });
	expect(validated({ ...serviceOpenApi(), paths: 1 })).toMatchObject({ valid: false });
});

test('it has the routes that the service has, and no others', () => {
	const source = readFileSync(
		join(__dirname, '../../examples/service/src/destination-routes.ts'),
		'utf8',
	);
	const routes = [...source.matchAll(/app\.(get|post|patch|delete)\('([^']+)'/g)].map(
		([, method, path = '']) =>
			`${method} /destinations${path.replace(/\/$/, '').replace(':id', '{id}')}`,
	);
	const { '/health': _, ...paths } = serviceOpenApi().paths;
	const documented = Object.entries(paths).flatMap(([path, methods]) =>
		Object.keys(methods)
			.filter((name) => name !== 'parameters')
			.map((method) => `${method} ${path}`),
	);
	expect(routes.length).toBeGreaterThan(5);
	expect(documented.sort()).toEqual(routes.sort());
});

describe('JSON Schema of a contract takes what the contract takes', () => {
	const ajv = new Ajv2020({ strict: false, validateFormats: false });
	const compiled = new Map<object, ValidateFunction>();
	function takes(
		schema: Parameters<typeof jsonSchemaOf>[0],
		io: 'input' | 'output',
		value: unknown,
	) {
		const validate = compiled.get(schema) ?? ajv.compile(jsonSchemaOf(schema, io));
		compiled.set(schema, validate);
		return validate(value);
	}

	test.each(destinationTypes)('%s', (type) => {
		const request = { type, name: 'Shop', settings: samples[type], requiredConsent: ['marketing'] };
		const create = contracts.createDestinationRequestSchema;
		expect([takes(create, 'input', request), create.safeParse(request).success]).toEqual([
			true,
			true,
		]);
		const update = contracts.updateDestinationSchemas[type];
		expect(takes(update, 'input', { settings: samples[type], description: null })).toBe(true);
		const patch = contracts.patchSettingsSchemas[type];
		expect(takes(patch, 'input', { enableClientSide: false })).toBe(true);
		const shown = JSON.parse(JSON.stringify(redact(destinationOf(type, samples[type]))));
		expect(takes(contracts.redactedDestinationSchema, 'output', shown)).toBe(true);
		const wrongs = [
			{ ...request, type: 'none' },
			{ ...request, name: undefined },
			{ ...request, environment: 'elsewhere' },
			{ ...request, requiredConsent: ['anything'] },
			{ ...request, settings: { ...samples[type], unknown: 1 } },
			{ ...request, settings: { ...samples[type], enableServerSide: 'yes' } },
			{ ...request, organizationId: '0193a1b2-0000-7000-8000-000000000001' },
		].map((wrong) => JSON.parse(JSON.stringify(wrong)));
		for (const wrong of wrongs) {
			expect([wrong, takes(create, 'input', wrong)]).toEqual([wrong, false]);
			expect(create.safeParse(wrong).success).toBe(false);
		}
	});
});
