/** An agent of the OpenAI Agents SDK that gives money back. Above 100.00 its tool waits until a person has approved. */
import { Agent, MCPServerStreamableHttp, run } from "@openai/agents"
import { DeniedError, fromFile, openTask, untilAllowed } from "narrowgate/client"

const { NARROWGATE = "", IDENTITY_FILE = "", SESSION = "", MCP_URL = "", MODEL = "gpt-5-mini" } = process.env

await using task = await openTask({
  issuer: NARROWGATE,
  identity: fromFile(IDENTITY_FILE),
  session: SESSION,
  purpose: "refund-order",
  dpop: true,
})
const onApproval = ({ url }: { url: string }) => console.log("Please approve:", url)
class Billing extends MCPServerStreamableHttp {
  override callToolResult(...call: Parameters<MCPServerStreamableHttp["callToolResult"]>) {
    return untilAllowed(() => super.callToolResult(...call), { task, onApproval }).catch((error: unknown) => {
      if (!(error instanceof DeniedError)) throw error
      return { isError: true, content: [{ type: "text" as const, text: error.message }] }
    })
  }
}
const billing = new Billing({ url: MCP_URL, name: "billing", fetch: task.fetch })
await billing.connect()
const agent = new Agent({ name: "refunds", model: MODEL, mcpServers: [billing] })
console.log((await run(agent, "Give back 249.00 for the order 1001.")).finalOutput)
await billing.close()
