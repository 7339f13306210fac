import 'reflect-metadata';
import {
	createDestinationsClient,
	DestinationsClient,
	DestinationsError,
	toProblem,
} from '@consent-io/destinations';
import {
	type ArgumentsHost,
	Catch,
	Controller,
	type ExceptionFilter,
	Get,
	Headers,
	Module,
	type OnApplicationShutdown,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

@Catch(DestinationsError)
class ProblemFilter implements ExceptionFilter {
	catch(error: DestinationsError, host: ArgumentsHost) {
		const problem = toProblem(error);
		host.switchToHttp().getResponse().status(problem.status).json(problem);
	}
}

@Controller('destinations')
class DestinationsController {
	// By its class: the metadata that TypeScript emits names it.
	constructor(private readonly db: DestinationsClient) {}

	@Get()
	async list(@Headers('x-organization') organizationId: string): Promise<string[]> {
		const { items } = await this.db.forOrganization(organizationId).destinations.list();
		return items.map(({ name }) => name);
	}
}

@Module({
	controllers: [DestinationsController],
	providers: [{ provide: DestinationsClient, useFactory: () => createDestinationsClient() }],
})
class AppModule implements OnApplicationShutdown {
	constructor(private readonly db: DestinationsClient) {}

	async onApplicationShutdown(): Promise<void> {
		await this.db.close();
	}
}

async function main(): Promise<void> {
	const app = await NestFactory.create(AppModule, { logger: ['error'] });
	app.useGlobalFilters(new ProblemFilter());
	app.enableShutdownHooks();
	await app.listen(Number(process.env.PORT));
}

void main();
