/** Builds the site of the documents into `site/dist`: `npm run docs:site`. */
import { buildSite } from './build-site.ts';

const { folder, pages, seconds } = await buildSite();
process.stdout.write(`${pages.length} pages in ${folder}, in ${seconds.toFixed(0)} s.
\`cd site && npx vitepress preview .\` shows them: their addresses begin with /destinations/.
`);
