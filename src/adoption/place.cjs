// CommonJS, because only there a file knows its place both in a CommonJS Jest and as an ES module.

/** The folder of this file: `src/adoption`, or `dist` once it is built into the command. */
exports.place = __dirname;
