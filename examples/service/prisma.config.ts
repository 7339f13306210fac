export { default } from '@consent-io/destinations/prisma-config';
