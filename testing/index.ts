/** `narrowgate/testing`: the real Worker inside your own tests, with your policies, a clock and identities. */
export { startNarrowgate, type RunningNarrowgate, type StartOptions } from "./start.ts"
export {
  narrowgateWorker,
  type NarrowgateWorkerOptions,
  type TestPolicies,
  type WorkerDefinition,
} from "./worker-definition.ts"
export { assertAllowed, assertDenied } from "./assertions.ts"
export { NarrowgateTestError, TaskDenied, type TestErrorCode } from "./kit/error.ts"
export type { User } from "./kit/provider.ts"
export type { UserClaims } from "./kit/setup.ts"
export type { Approve, Decision, GivenCall, TaskRequest, TestClock, TestNarrowgate, TestTask } from "./types.ts"
