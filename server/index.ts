/** `narrowgate/server`: for services and MCP servers behind Narrowgate, or that ask it themselves. */
export { type Caller, type SignedFacts, type User, type Claims } from "./caller.ts"
export { callerOf } from "./callers.ts"
export { CallRefusedError, refusalAnswer, type RefusalAnswer, type RefusalCode } from "./errors.ts"
export { honoMiddleware, type HonoContext, type HonoHandler } from "./hono.ts"
export { expressMiddleware, type ExpressHandler, type ExpressRequest, type ExpressResponse } from "./express.ts"
export {
  gatekeeper,
  type Gatekeeper,
  type ServiceOptions,
  type SignedOptions,
  type UnsignedOptions,
} from "./gatekeeper.ts"
export type { ReceivedRequest, ToolRoute, ToolServer, ToolsOptions } from "./tools.ts"
export {
  transactionTokens,
  type SigningAlgorithm,
  type TokenOptions,
  type TransactionTokens,
} from "./transaction-tokens.ts"
export { memoryReplays, type ReplayStore } from "./replays.ts"
export { guardTool, type DeniedResult } from "./guard-tool.ts"
export type { Decisions, DenialMembers, ToolCall, ToolDecision } from "./decisions.ts"
export { httpDecisions, type HttpDecisionOptions } from "./http-decisions.ts"
export { bindingDecisions, type BindingDecisionOptions } from "./binding-decisions.ts"
export type { Authorizer, HeaderLines, WorkerAnswer, WorkerCall, WorkerList, WorkerSettlement } from "./authorizer.ts"
