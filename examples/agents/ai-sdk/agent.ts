/** An agent of the AI SDK that gives money back. Above 100.00 its tool waits until a person has approved. */
import { createMCPClient } from "@ai-sdk/mcp"
import { openai } from "@ai-sdk/openai"
import { generateText, isStepCount } from "ai"
import { fromFile, openTask, withNarrowgate } from "narrowgate/client"

const { NARROWGATE = "", IDENTITY_FILE = "", SESSION = "", MCP_URL = "", MODEL = "gpt-5-mini" } = process.env

await using task = await openTask({
  issuer: NARROWGATE,
  identity: fromFile(IDENTITY_FILE),
  session: SESSION,
  purpose: "refund-order",
  dpop: true,
})
const billing = await createMCPClient({ transport: { type: "http", url: MCP_URL, fetch: task.fetch } })
const { text } = await generateText({
  model: openai(MODEL),
  tools: withNarrowgate(await billing.tools(), task, { onApproval: ({ url }) => console.log("Please approve:", url) }),
  stopWhen: isStepCount(5),
  prompt: "Give back 249.00 for the order 1001.",
})
console.log(text)
await billing.close()
