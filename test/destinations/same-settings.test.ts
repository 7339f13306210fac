import { patchedSettings } from '../../src/destinations/patch.ts';
import { isSameSettings } from '../../src/destinations/same-settings.ts';
import { validateSettings } from '../../src/destinations/validate.ts';
import { destinationOf, samples } from './support/samples.ts';

const stored = { ...samples['meta-pixel'], enableServerSide: true, enableClientSide: true };

it('compares settings as they would be written today', () => {
	const { enableClientSide: _, ...sparse } = stored;
	const validated = validateSettings('meta-pixel', stored);
	expect(isSameSettings('meta-pixel', sparse, validated)).toBe(true);
	expect(isSameSettings('meta-pixel', { ...sparse, testEventCode: 'T' }, validated)).toBe(false);
});

it('knows settings of older rules again, which a patch let stand', () => {
	const old = { ...stored, apiVersion: 'v19.0' };
	const patched = (patch: Record<string, unknown>) =>
		patchedSettings(destinationOf('meta-pixel', old), patch, { keepMasked: false });
	expect(isSameSettings('meta-pixel', old, patched({}))).toBe(true);
	expect(isSameSettings('meta-pixel', old, patched({ enableClientSide: true }))).toBe(true);
	expect(isSameSettings('meta-pixel', old, patched({ enableClientSide: false }))).toBe(false);
});
