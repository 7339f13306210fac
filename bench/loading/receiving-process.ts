/** A process that stands for the providers. */
import { pathToFileURL } from 'node:url';
import type { PipelineExample } from './pipeline.ts';

const [file = ''] = process.argv.slice(2);
const { startReceivers }: PipelineExample = await import(pathToFileURL(file).href);
process.send?.((await startReceivers()).url);
