/** `narrowgate/server`: for services and MCP servers behind Narrowgate, or that ask it themselves. */
export { type Caller, type SignedFacts, type ReadHeader, type User, type Claims } from "./caller.ts"
export { callerOf } from "./callers.ts"
export { CallRejectedError, rejectionAnswer, type RejectionAnswer, type RejectionCode } from "./errors.ts"
export { honoMiddleware, type HonoContext, type HonoHandler } from "./hono.ts"
export { expressMiddleware, type ExpressHandler, type ExpressRequest, type ExpressResponse } from "./express.ts"
export { gatekeeper, type Gatekeeper } from "./gatekeeper.ts"
export type {
  ReceivedBody,
  ReceivedRequest,
  ServiceOptions,
  SignedOptions,
  ToolRoute,
  ToolServer,
  ToolsOptions,
  UnsignedOptions,
} from "./service-options.ts"
export { transactionTokens, type TransactionTokens } from "./transaction-tokens.ts"
export type { FetchKeys, KeyRequest, SigningAlgorithm, TokenOptions } from "./token-options.ts"
export { memoryReplays, type ReplayStore } from "./replays.ts"
export { guardTool, type DeniedResult } from "./guard-tool.ts"
export { guardList, ListDeniedError, type ListingServer } from "./guard-list.ts"
export type {
  Credential,
  DecisionOptions,
  Decisions,
  DeniedDecision,
  DenialMembers,
  ListDecision,
  ToolCall,
  ToolDecision,
  ToolList,
} from "./decisions.ts"
export { httpDecisions, type DecisionRequest, type HttpDecisionOptions } from "./http-decisions.ts"
export { bindingDecisions, type BindingDecisionOptions } from "./binding-decisions.ts"
export { authorizerOf } from "./authorizer.ts"
export type {
  Authorizer,
  HeaderLines,
  ServiceBinding,
  WorkerAnswer,
  WorkerCall,
  WorkerList,
  WorkerSettlement,
} from "./authorizer.ts"
