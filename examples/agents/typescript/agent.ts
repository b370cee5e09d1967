/** Gives money back for an order by a tool of MCP. Above 100.00 a person has to approve first. */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { DeniedError, fromFile, openTask, untilAllowed } from "narrowgate/client"

const { NARROWGATE = "", IDENTITY_FILE = "", SESSION = "", MCP_URL = "" } = process.env

await using task = await openTask({
  issuer: NARROWGATE,
  identity: fromFile(IDENTITY_FILE),
  session: SESSION,
  purpose: "refund-order",
  dpop: true,
})
const client = new Client({ name: "refunds", version: "1" })
await client.connect(new StreamableHTTPClientTransport(new URL(MCP_URL), { fetch: task.fetch }))
const refund = () => client.callTool({ name: "refund", arguments: { order: "1001", amount: 24_900 } })
try {
  const { content } = await untilAllowed(refund, { task, onApproval: ({ url }) => console.log("Please approve:", url) })
  console.log(content)
} catch (error) {
  if (!(error instanceof DeniedError)) throw error
  console.log(error.message)
} finally {
  await client.close()
}
