import fc from 'fast-check';

/** A property is tried for a moment for each mutant, and a counterexample need not be the smallest. */
fc.configureGlobal({ interruptAfterTimeLimit: 500, endOnFailure: true });
