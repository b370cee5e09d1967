/** The clients that run here. A further one is a file in rows/, or a row of one, and a line here. */
import type { GrantRow, Row } from "./row.ts"
import { decern, type QuestionRow } from "./rows/authzen.ts"
import { claudeCode } from "./rows/claude-code.ts"
import { cloudflareAgents } from "./rows/cloudflare.ts"
import { codex } from "./rows/codex.ts"
import { inspector, mcpRemote, mcpRemoteRegistering } from "./rows/commands.ts"
import { aiSdk, mastra, openaiAgents } from "./rows/npm.ts"
import { authlib, goOauth2, nimbus, oauth4webapi, openidClient, requestsOauthlib } from "./rows/oauth.ts"
import { goSdk, javaSdk, rustSdk } from "./rows/programs.ts"
import {
  fastmcp,
  fastmcpRegistering,
  googleAdk,
  langchain,
  langchainRegistering,
  llamaIndex,
  openaiAgentsPython,
  pydanticAi,
  python1,
  python2,
} from "./rows/python.ts"
import { sdk1, sdk2 } from "./rows/sdk.ts"

export const CLIENTS: readonly Row[] = [
  sdk1,
  sdk2,
  python1,
  python2,
  goSdk,
  javaSdk,
  rustSdk,
  fastmcp,
  fastmcpRegistering,
  langchain,
  langchainRegistering,
  llamaIndex,
  openaiAgentsPython,
  pydanticAi,
  googleAdk,
  openaiAgents,
  aiSdk,
  mastra,
  cloudflareAgents,
  mcpRemote,
  mcpRemoteRegistering,
  inspector,
  claudeCode,
  codex,
]

/** Those also go through the local stack's own gateway, which is what a beginner has. */
export const BEGINNERS_CLIENTS: readonly Row[] = [sdk1, sdk2, fastmcp, langchain]

export const OAUTH_CLIENTS: readonly GrantRow[] = [
  oauth4webapi,
  openidClient,
  authlib,
  requestsOauthlib,
  goOauth2,
  nimbus,
]

export const AUTHZEN_CLIENTS: readonly QuestionRow[] = [decern]
