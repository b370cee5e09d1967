/// <reference lib="esnext.disposable" preserve="true" />
/**
 * `narrowgate/client`: for agents, in Node, in browsers and in Workers. An agent opens a task, makes its calls with the
 * task's token, understands what denies them, waits for people who have to approve, and ends the task.
 */
export { openTask, resumeTask } from "./open-task.ts"
export type {
  CallDetails,
  ConsentRequest,
  HandOver,
  OpenTaskOptions,
  ResumeTaskOptions,
  SavedTask,
  ScopeText,
  Session,
  SessionToken,
  SubAgent,
  Task,
} from "./task.ts"
export type { BindingOption, KeyPair } from "./proof-key.ts"
export { fromFile, fromGitHubActions, fromKubernetes, fromPrivateKey } from "./identities.ts"
export type { Identity, IdentityRequest, PrivateKeyOptions } from "./identities.ts"
export { denialOf } from "./denial-of.ts"
export type { Approval, Denial, DenialCode, StepUp } from "./denial.ts"
export { toModel } from "./to-model.ts"
export { untilAllowed } from "./until-allowed.ts"
export type { UntilAllowedOptions } from "./until-allowed.ts"
export { ConsentRequiredError, DeniedError, NarrowgateError } from "./errors.ts"
export type { ErrorCode, OAuthRefusal } from "./errors.ts"
export { mcpAuthProvider } from "./mcp-auth-provider.ts"
export type { McpAuthProvider } from "./mcp-auth-provider.ts"
export { withNarrowgate } from "./with-narrowgate.ts"
export type { ToolSet, WithNarrowgateOptions } from "./with-narrowgate.ts"
