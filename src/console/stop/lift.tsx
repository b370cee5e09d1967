/** Letting something go on that was stopped, in two steps as well. */
import { stops } from "../../api/contract/revocations.ts"
import type { Form } from "../../web/form.ts"
import { respondPage, seeOther } from "../../web/page.tsx"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { agentPath } from "../layout/paths.ts"
import type { PageDefinition } from "../layout/page-definition.ts"
import type { PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"
import { Switch } from "./switch.tsx"

export const resumePage = {
  path: "/stop/lift",
  section: "stop",
  readers: "operator",
  view: confirmResume,
  forms: [{ senders: "operator", returnTo: "/stop", act: resume }],
} as const satisfies PageDefinition

async function confirmResume(request: PageRequest): Promise<Response> {
  const response = await request.callApi("GET", "/v1/revocations")
  if (response.status !== 200) return failurePage(request, response)
  const found = stops.parse(response.body).revocations.find(({ id }) => id === request.c.req.query("id"))
  if (!found) return failurePage(request, { status: 404, body: { error_description: "It is not in force any more." } })
  return respondPage(
    <ConsolePage title="Lift: sure?" request={request} narrow>
      <div class="card">
        <h1 class="wrap">Let it go on?</h1>
        <Switch of={found} now={request.context.receivedAt} isShownOnly />
        <p>What it stops may be called again as soon as it is lifted, as far as rules and grants allow.</p>
        <form method="post" action={`${SECTIONS.stop.href}/lift`}>
          <input type="hidden" name="csrf" value={request.reader.csrf} />
          <input type="hidden" name="id" value={found.id} />
          {request.c.req.query("from") === "agents" && <input type="hidden" name="agent" value={found.agent ?? ""} />}
          <button class="main">Lift it</button>
        </form>
        <p>
          <a href={SECTIONS.stop.href}>No, back</a>
        </p>
      </div>
    </ConsolePage>,
  )
}

async function resume(request: PageRequest, form: Form): Promise<Response> {
  const response = await request.callApi("DELETE", `/v1/revocations/${encodeURIComponent(form.get("id") ?? "")}`)
  if (response.status !== 200) return failurePage(request, response)
  const agent = form.get("agent") ?? ""
  return seeOther(agent === "" ? SECTIONS.stop.href : agentPath(agent))
}
