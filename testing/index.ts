/** `narrowgate/testing`: the real Worker inside your own tests, with your policies, a clock and identities. */
export { startNarrowgate, type OwnWorker, type RunningNarrowgate, type StartOptions } from "./start.ts"
export { narrowgateWorker } from "./worker-definition.ts"
export { assertAllowed, assertDenied } from "./assertions.ts"
export { NarrowgateTestError, TaskDenied, type TestErrorCode } from "./kit/error.ts"
export type * from "./types.ts"
