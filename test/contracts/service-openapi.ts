import { z } from 'zod';
import * as contracts from '../../src/contracts/index.ts';

type JsonSchema = Readonly<Record<string, unknown>>;

/** JSON Schema of what a contract takes or returns. Whatever cannot be said in it is an error. */
export function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
	const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'throw' });
	return rest;
}

const content = (schema: JsonSchema) => ({ content: { 'application/json': { schema } } });
const component = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const answer = (description: string, name?: string) => ({
	description,
	...(name !== undefined && content(component(name))),
});

/** The OpenAPI document of `examples/service`, whose bodies and queries are this package's contracts. */
export function serviceOpenApi() {
	const { createDestinationRequestSchema, listDestinationsSchema } = contracts;
	const refused = { default: answer('What is wrong', 'Problem') };
	const id = { name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } };
	const query = jsonSchemaOf(listDestinationsSchema, 'input').properties as Record<
		string,
		JsonSchema
	>;
	// The service takes these; the organization is the caller's.
	const taken = ['cursor', 'limit', 'type', 'environment'] as const;
	const change = jsonSchemaOf(contracts.updateDestinationSchemas.console, 'input');
	const patches = Object.values(contracts.patchSettingsSchemas).map((schema) =>
		jsonSchemaOf(schema, 'input'),
	);
	return {
		openapi: '3.1.0',
		info: { title: 'Destinations', version: '1.0.0' },
		security: [{ token: [] }],
		paths: {
			'/health': {
				get: { security: [], responses: { 200: answer('Ready'), 503: answer('Not ready') } },
			},
			'/destinations': {
				get: {
					parameters: taken.map((name) => ({ name, in: 'query', schema: query[name] ?? {} })),
					responses: { 200: answer('A page', 'Page'), ...refused },
				},
				post: {
					requestBody: { required: true, ...content(component('NewDestination')) },
					responses: { 201: answer('The destination', 'Destination'), ...refused },
				},
			},
			'/destinations/{id}': {
				parameters: [id],
				get: { responses: { 200: answer('The destination', 'Destination'), ...refused } },
				patch: {
					parameters: [{ name: 'If-Match', in: 'header', schema: { type: 'string' } }],
					requestBody: { required: true, ...content(component('Change')) },
					responses: { 200: answer('The destination', 'Destination'), ...refused },
				},
				delete: { responses: { 204: answer('Deleted'), ...refused } },
			},
			'/destinations/{id}/restore': {
				parameters: [id],
				post: { responses: { 204: answer('Restored'), ...refused } },
			},
			'/destinations/{id}/test': {
				parameters: [id],
				post: { responses: { 200: answer('What was found out'), ...refused } },
			},
		},
		components: {
			securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
			schemas: {
				NewDestination: jsonSchemaOf(createDestinationRequestSchema, 'input'),
				Change: {
					...change,
					properties: { ...(change.properties as object), settings: { anyOf: patches } },
				},
				Destination: jsonSchemaOf(contracts.redactedDestinationSchema, 'output'),
				Page: jsonSchemaOf(contracts.destinationPageSchema, 'output'),
				Problem: {
					type: 'object',
					properties: {
						error: {
							type: 'object',
							properties: { code: { type: 'string' }, message: { type: 'string' } },
							required: ['code', 'message'],
						},
					},
					required: ['error'],
				},
			},
		},
	};
}
