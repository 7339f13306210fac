/** Freezes every migration that the next version has: a part of `npm run version`. */
import { writeFileSync } from 'node:fs';
import { frozenFile, frozenText } from './frozen-migrations.ts';

writeFileSync(frozenFile, frozenText('.'));
