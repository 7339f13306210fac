// CommonJS, because only there a file knows its place both in a CommonJS Jest and as an ES module.

/** The folder of this entry point: `src/testing`, or `dist/testing` once it is built. */
exports.place = __dirname;
