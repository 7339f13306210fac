import { textForm, withTextForm } from '../../src/database/text-form.ts';

const own =
	'-c TimeZone=UTC -c DateStyle=ISO,MDY -c IntervalStyle=postgres -c bytea_output=hex -c extra_float_digits=1 -c xmlbinary=base64 -c array_nulls=on -c standard_conforming_strings=on';
const url = 'postgresql://login:secret@db.example.com/app';

const { PGOPTIONS } = process.env;
beforeEach(() => {
	delete process.env.PGOPTIONS;
});
afterAll(() => {
	if (PGOPTIONS !== undefined) process.env.PGOPTIONS = PGOPTIONS;
});

test('sessions begin with the settings by which values are read and written', () => {
	expect(own).toBe(
		Object.entries(textForm)
			.map(([name, value]) => `-c ${name}=${value.replace(' ', '')}`)
			.join(' '),
	);
	expect(withTextForm({})).toEqual({ options: own });
	expect(withTextForm({ connectionString: url, max: 3 })).toEqual({
		connectionString: url,
		max: 3,
		options: own,
	});
});

test('after the options of a configuration, which count less', () => {
	const config = { connectionString: url, options: '-c work_mem=1MB -c TimeZone=Asia/Tokyo' };
	expect(withTextForm(config)).toEqual({ ...config, options: `${config.options} ${own}` });
});

test('after those of the URL, which pg prefers, and which are no longer there', () => {
	const inUrl = `${url}?sslmode=disable&options=-c%20work_mem%3D1MB`;
	const options = '-c lock_timeout=1';
	process.env.PGOPTIONS = '-c statement_timeout=1';
	expect(withTextForm({ connectionString: inUrl, options })).toEqual({
		connectionString: `${url}?sslmode=disable`,
		options: `-c work_mem=1MB ${own}`,
	});
});

test('after PGOPTIONS, where nothing else says any', () => {
	process.env.PGOPTIONS = '-c work_mem=1MB';
	const options = `-c work_mem=1MB ${own}`;
	expect(withTextForm({})).toEqual({ options });
	expect(withTextForm({ connectionString: url })).toEqual({ connectionString: url, options });
	expect(withTextForm({ options: '-c lock_timeout=1' }).options).toBe(`-c lock_timeout=1 ${own}`);
});

test('what is not a URL stays what it is', () => {
	const connectionString = '/var/run/postgresql app?options=-c';
	expect(withTextForm({ connectionString })).toEqual({ connectionString, options: own });
});

test('empty options of the URL do not take these away', () => {
	expect(withTextForm({ connectionString: `${url}?options=` })).toEqual({
		connectionString: url,
		options: own,
	});
});
