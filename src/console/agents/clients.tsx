/** The clients that have registered themselves: what they call themselves is their own claim. */
import { CONTRACT, pathTo } from "../../api/contract/contract.ts"
import type { FC } from "hono/jsx"
import type { Form } from "../../web/form.ts"
import { respondPage, seeOther } from "../../web/page.tsx"
import { Moment, Text } from "../../web/text.tsx"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { Paging } from "../layout/paging.tsx"
import { agentPath, CLIENTS_PATH } from "../layout/paths.ts"
import { Table } from "../layout/table.tsx"
import type { PageDefinition } from "../layout/page-definition.ts"
import { mayStop, type PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"
import type { RegisteredClient } from "../../api/contract/clients.ts"

export const clientsPage = {
  path: "/agents/clients",
  section: "agents",
  readers: "viewer",
  view: listClients,
  forms: [{ senders: "operator", act: revoke }],
} as const satisfies PageDefinition

const PAGE = 60
/** The most hosts of a client that are shown. */
const MAX_HOSTS = 5

async function listClients(request: PageRequest): Promise<Response> {
  const after = request.c.req.query("after")
  const query = { limit: String(PAGE), ...(after !== undefined && { after }) }
  const response = await request.callApi("GET", pathTo("listClients", {}, query))
  if (response.status !== 200) return failurePage(request, response)
  const { class: name, clients, more, total } = CONTRACT.listClients.answer().parse(response.body)
  const now = request.context.receivedAt
  const last = clients.at(-1)
  return respondPage(
    <ConsolePage title="Registered clients" request={request}>
      <p>
        <a href={SECTIONS.agents.href}>Agents</a>
      </p>
      <h1>Registered clients</h1>
      <p class="lead">
        {name === null
          ? "No client can register itself: agents.yaml has no registration."
          : `${total} ${total === 1 ? "client" : "clients"} of the class ${name}.`}
      </p>
      {clients.length === 0 && <p class="empty card">No client is registered.</p>}
      <Table
        caption="Clients that have registered themselves"
        columns={["Unverified name", "Registered", "Expires", "Last token", "Returns to", ""]}
      >
        {clients.map((client) => (
          <Row of={client} now={now} csrf={mayStop(request.reader) ? request.reader.csrf : null} />
        ))}
      </Table>
      <Paging
        first={after !== undefined && { href: CLIENTS_PATH, text: "First" }}
        next={
          more &&
          last && { href: `${CLIENTS_PATH}?${new URLSearchParams({ after: last.id }).toString()}`, text: "Next" }
        }
      />
    </ConsolePage>,
  )
}

const Row: FC<{ readonly of: RegisteredClient; readonly now: number; readonly csrf: string | null }> = ({
  of: { id, name, redirect_uris, registered_at, expires_at, last_token },
  now,
  csrf,
}) => (
  <tr>
    <td data-label="Unverified name">
      {name === null ? <span class="quiet">No name</span> : <Text of={name} most={80} />}
      <div class="quiet issuer">
        <a href={agentPath(id)}>
          <Text of={id} most={200} />
        </a>
      </div>
    </td>
    <td data-label="Registered">
      <Moment at={registered_at} now={now} />
    </td>
    <td data-label="Expires">
      <Moment at={expires_at} now={now} />
    </td>
    <td data-label="Last token">
      {last_token === null ? <span class="quiet">None yet</span> : <Moment at={last_token} now={now} />}
    </td>
    <td data-label="Returns to">
      <Text of={hostsOf(redirect_uris)} most={200} />
    </td>
    <td data-label="">
      {csrf !== null && (
        <form method="post">
          <input type="hidden" name="csrf" value={csrf} />
          <input type="hidden" name="client" value={id} />
          <button class="stop">Revoke</button>
        </form>
      )}
    </td>
  </tr>
)

/** An app's own scheme has no host. */
function hostsOf(uris: readonly string[]): string {
  const hosts = [...new Set(uris.map((uri) => URL.parse(uri)?.host || uri))]
  const more = hosts.length - MAX_HOSTS
  return hosts.slice(0, MAX_HOSTS).join(", ") + (more > 0 ? ` and ${more} more` : "")
}

async function revoke(request: PageRequest, form: Form): Promise<Response> {
  const response = await request.callApi("DELETE", pathTo("revokeClient", { agent: form.get("client") ?? "" }))
  return response.status === 200 ? seeOther(CLIENTS_PATH) : failurePage(request, response)
}
