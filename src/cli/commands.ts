import type { Command } from './command.ts';
import { adopt } from './commands/adopt.ts';
import { completion } from './commands/completion.ts';
import { doctor } from './commands/doctor.ts';
import { init } from './commands/init.ts';
import { keygen } from './commands/keygen.ts';
import { purge } from './commands/purge.ts';
import { rotate } from './commands/rotate.ts';
import { verify } from './commands/verify.ts';

/** Every subcommand, in the order of the help. */
export const commands: readonly Command[] = [
	init,
	keygen,
	doctor,
	verify,
	rotate,
	purge,
	adopt,
	completion(() => commands),
];
