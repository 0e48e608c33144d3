/** Sidespool in an application's own tests: nothing leaves, everything can be asked for. */

export { SidespoolTesting, provideSidespoolTesting } from './provide-testing';
