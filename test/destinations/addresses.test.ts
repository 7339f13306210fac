import { parseHttpsOrigin } from '../../src/destinations/https-origin.ts';
import { isPublicAddress } from '../../src/destinations/public-address.ts';

it.each([
	'1.1.1.1',
	'8.8.8.8',
	'172.15.255.255',
	'172.32.0.0',
	'192.167.255.255',
	'100.63.255.255',
	'100.128.0.0',
	'2606:4700:4700::1111',
	'2a00:1450:4001::1',
])('%s is public', (address) => {
	expect(isPublicAddress(address)).toBe(true);
});

it.each([
	...['0.0.0.0', '0.1.2.3', '10.0.0.1', '100.64.0.1', '127.0.0.1', '127.255.255.254'],
	...['169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.192', '192.0.2.1', '192.88.99.1'],
	...['192.168.0.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '224.0.0.1', '240.0.0.1'],
	...['255.255.255.255', '::', '::1', '::7f00:1', '::ffff:7f00:1', '::ffff:8.8.8.8'],
	...['::ffff:0:7f00:1', '64:ff9b::7f00:1', '64:ff9b::808:808', '64:ff9b:1::1', '100::1'],
	...['2001::1', '2001:db8::1', '2001:10::1', '2002:7f00:1::', '2002:808:808::', '3fff::1'],
	...[
		'4000::1',
		'5f00::1',
		'fc00::1',
		'fd00:ec2::254',
		'fe80::1',
		'fe80::1%eth0',
		'2606:4700::1%eth0',
		'fec0::1',
	],
	...['ff02::1', '1', '0x7f.1', '2130706433', '127.1', '[::1]', 'localhost', '', ' 8.8.8.8'],
])('%j is not public', (address) => {
	expect(isPublicAddress(address)).toBe(false);
});

it.each([
	['https://a.example', 'https://a.example'],
	['https://A.example:443/', 'https://a.example'],
	['https://a.example.', 'https://a.example'],
	['https://a.example.:444', 'https://a.example:444'],
	['https://8.8.8.8', 'https://8.8.8.8'],
	['https://8.8.8.8.', 'https://8.8.8.8'],
	['https://a_b.example', 'https://a_b.example'],
	[`https://${'a'.repeat(63)}.example`, `https://${'a'.repeat(63)}.example`],
	['https://localhost.example', 'https://localhost.example'],
	['https://notlocal.example:1', 'https://notlocal.example:1'],
	['https://thelocalhost.com', 'https://thelocalhost.com'],
	['https://134744072', 'https://8.8.8.8'],
	['https://exa\nmple.com', 'https://example.com'],
])('%j is the origin %s', (text, origin) => {
	expect(parseHttpsOrigin(text)).toBe(origin);
	expect(parseHttpsOrigin(origin)).toBe(origin);
});

it.each([
	...['', 'a.example', '//a.example', 'http://a.example', 'wss://a.example', 'data:,x'],
	...['https://a.example/x', 'https://a.example//', 'https://a.example?', 'https://a.example/?x'],
	...['https://a.example#', 'https://u@a.example', 'https://u:p@a.example', 'https://:p@a.example'],
	...['https://a.example..', 'https://.', 'https://.a.example', 'https://a.example:99999'],
	...['https://a.example:0', 'https://localhost', 'https://localhost.', 'https://LOCALHOST'],
	...[
		'https://foo.localhost',
		'https://foo.LocalHost.:8443',
		'https://%6cocalhost',
		'https://ｌｏｃａｌｈｏｓｔ',
	],
	...[
		'https://localhost.localdomain',
		'https://printer.local',
		'https://db.internal',
		'https://nas.home.arpa',
	],
	...[
		'https://intranet',
		'https://a',
		'https://x.onion',
		'https://x.test',
		'https://x.invalid',
		'https://x.alt',
	],
	...['https://a..example', 'https://*.example', 'https://-a.example', 'https://a-.example'],
	...[`https://${'a'.repeat(64)}.example`, `https://${'a.'.repeat(130)}example`],
	...[
		'https://127.1.',
		'https://127.0.0.1.',
		'https://0x7f.1.',
		'https://2130706433.',
		'https://①②⑦.1.',
	],
	...['https://127.1', 'https://0', 'https://[::1]', 'https://[fe80::1]', 'https://10.0.0.1.'],
])('%j is no origin of a public host', (text) => {
	expect(parseHttpsOrigin(text)).toBeUndefined();
});
