import { readConfiguration } from './configuration.ts';
import { run } from './run.ts';
import { tryOut } from './try-out.ts';

const configuration = readConfiguration(process.env);
if (configuration.data === undefined) await tryOut(configuration);
else await run(configuration, configuration.data).then(({ stopped }) => stopped);
