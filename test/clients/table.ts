/** The clients that run here. A further one is a file in rows/ and a line here. */
import type { Row } from "./row.ts"
import { cloudflareAgents } from "./rows/cloudflare.ts"
import { inspector, mcpRemote } from "./rows/commands.ts"
import { aiSdk, mastra, openaiAgents } from "./rows/npm.ts"
import { fastmcp, langchain, openaiAgentsPython, python1, python2 } from "./rows/python.ts"
import { sdk1, sdk2 } from "./rows/sdk.ts"

export const CLIENTS: readonly Row[] = [sdk1, sdk2, python1, python2, fastmcp, langchain, openaiAgentsPython, openaiAgents, aiSdk, mastra, cloudflareAgents, mcpRemote, inspector]
