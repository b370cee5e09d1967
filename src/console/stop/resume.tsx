/** Ends a suspension, in two steps: a confirmation, then the form of it. */
import { CONTRACT } from "../../api/contract/contract.ts"
import type { Stop } from "../../api/contract/revocations.ts"
import type { Form } from "../../web/form.ts"
import { respondPage, seeOther } from "../../web/page.tsx"
import { shortened } from "../../web/visible.ts"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { agentPath } from "../layout/paths.ts"
import type { PageDefinition } from "../layout/page-definition.ts"
import type { PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"
import { Suspension } from "./suspension.tsx"
import { suspendedText } from "./words.ts"

export const resumePage = {
  path: "/stop/lift",
  section: "stop",
  readers: "operator",
  view: confirmResume,
  forms: [{ senders: "operator", returnTo: "/stop", act: resume }],
} as const satisfies PageDefinition

/** A suspension of a person, or of their provider, ends what they gave before. */
function consequence({ user, issuer, before }: Stop, now: number): string {
  const isOfPeople = (user ?? issuer) !== undefined
  if (isOfPeople && (before === undefined || before * 1000 > now)) {
    return "New sessions and new tasks are accepted again at once. What was given before stays revoked: its tasks do not go on."
  }
  if (before !== undefined) return "What was given before is valid again: its tasks go on."
  return "Calls are allowed again at once, if rules and grants allow them."
}

async function confirmResume(request: PageRequest): Promise<Response> {
  const response = await request.callApi("GET", "/v1/revocations")
  if (response.status !== 200) return failurePage(request, response)
  const suspension = CONTRACT.listRevocations
    .answer()
    .parse(response.body)
    .revocations.find(({ id }) => id === request.c.req.query("id"))
  if (!suspension)
    return failurePage(request, { status: 404, body: { error_description: "This suspension has ended." } })
  return respondPage(
    <ConsolePage title={`Resume ${shortened(suspendedText(suspension), 80)}?`} request={request} narrow>
      <div class="card">
        <h1 class="wrap">{suspension.everything === true ? "Resume everything?" : "Resume?"}</h1>
        <Suspension of={suspension} now={request.context.receivedAt} isReadOnly />
        <p>{consequence(suspension, request.context.receivedAt)}</p>
        <form method="post" action={`${SECTIONS.stop.href}/lift`}>
          <input type="hidden" name="csrf" value={request.reader.csrf} />
          <input type="hidden" name="id" value={suspension.id} />
          {request.c.req.query("from") === "agents" && (
            <input type="hidden" name="agent" value={suspension.agent ?? ""} />
          )}
          <button class="main">Resume</button>
        </form>
        <p>
          <a href={SECTIONS.stop.href}>Cancel</a>
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
