/** Sidespool in an Angular application. */

export type { EmitArgumentsOf, EmitOf } from './lib/emit';
export { SidespoolErrorHandler } from './lib/error-handler';
export type { ExceptionContext } from './lib/exception';
export { sidespoolHttp, sidespoolRoute } from './lib/http';
export { SIDESPOOL_CLIENT, SIDESPOOL_OPTIONS } from './lib/options';
export type { AdvancedChange, ClientFactory, HttpOptions, SidespoolOptions } from './lib/options';
export type { ErrorReport, ErrorReportDetails } from './lib/report';
export { SIDESPOOL_TEXTS, provideSidespool } from './lib/provide';
export { Sidespool, SidespoolOf, injectSidespool } from './lib/sidespool';
export type { SidespoolStatus } from './lib/sidespool';
export { ENGLISH } from './lib/texts';
export type { SidespoolTexts } from './lib/texts';
export { SidespoolConsentDialog } from './lib/consent/consent-dialog';
export { SidespoolSettings } from './lib/settings/settings';
export type { Bridge, BridgeState, ClientLike, Counts, DropCause, Snapshot } from './lib/transport';
