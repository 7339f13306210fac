/**
 * The one place of every address that the package names. `npm run docs` writes them into package.json, and into the links of
 * documents to what the tarball does not hold.
 */
export const addresses = {
	/** Where the sources are: links lead to its branch `main`. */
	repository: 'https://github.com/consent-io/destinations',
	/** Where the site that `npm run docs:site` builds is published. */
	homepage: 'https://consent-io.github.io/destinations/',
	/** The internal registry. Until it is filled in, `npm run check:registry` refuses to publish. */
	registry: 'https://npm.example.com/',
} as const;
