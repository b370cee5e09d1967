/** Letting something go on that was stopped, in two steps as well. */
import { CONTRACT } from "../../api/contract/contract.ts"
import type { Form } from "../../web/form.ts"
import { respondPage, seeOther } from "../../web/page.tsx"
import { apology, ConsolePage } from "../layout/frame.tsx"
import { agentPath } from "../layout/paths.ts"
import type { PageRequest } from "../layout/visit.tsx"
import { SECTION } from "./stop.tsx"
import { Switch } from "./switch.tsx"

export async function confirmLift(visit: PageRequest): Promise<Response> {
  const said = await visit.ask("GET", "/v1/revocations")
  if (said.status !== 200) return apology(visit, SECTION, said)
  const found = CONTRACT.listRevocations
    .answer()
    .parse(said.body)
    .revocations.find(({ id }) => id === visit.c.req.query("id"))
  if (!found)
    return apology(visit, SECTION, { status: 404, body: { error_description: "It is not in force any more." } })
  return respondPage(
    <ConsolePage title="Lift: sure?" visit={visit} section={SECTION} narrow>
      <div class="card">
        <h1 class="wrap">Let it go on?</h1>
        <Switch of={found} now={visit.context.receivedAt} isShownOnly />
        <p>What it stops may be called again as soon as it is lifted, as far as rules and grants allow.</p>
        <form method="post" action={`${SECTION}/lift`}>
          <input type="hidden" name="csrf" value={visit.visitor.csrf} />
          <input type="hidden" name="id" value={found.id} />
          {visit.c.req.query("from") === "agents" && <input type="hidden" name="agent" value={found.agent ?? ""} />}
          <button class="main">Lift it</button>
        </form>
        <p>
          <a href={SECTION}>No, back</a>
        </p>
      </div>
    </ConsolePage>,
  )
}

export async function liftIt(visit: PageRequest, form: Form): Promise<Response> {
  const said = await visit.ask("DELETE", `/v1/revocations/${encodeURIComponent(form.get("id") ?? "")}`)
  if (said.status !== 200) return apology(visit, SECTION, said)
  const agent = form.get("agent") ?? ""
  return seeOther(agent === "" ? SECTION : agentPath(agent))
}
