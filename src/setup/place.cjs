// Where this file is, or the bundle that it is part of: ES modules and CommonJS say it by different names, and only
// CommonJS has the same one in both builds and under Jest.
exports.place = __dirname;
