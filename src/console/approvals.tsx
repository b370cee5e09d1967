/** The inbox: what waits for an answer of whoever reads it. */
import { z } from "zod"
import { respondPage } from "../page/page.tsx"
import { apology, ConsolePage } from "./frame.tsx"
import type { Visit } from "./visit.tsx"

const SECTION = "/console/approvals"

const listed = z.object({
  approvals: z.array(
    z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("task"), task: z.string(), agent: z.string(), purpose: z.string() }),
      z.object({ kind: z.literal("call"), id: z.string(), task: z.string(), agent: z.string(), tool: z.string() }),
    ]),
  ),
  more: z.boolean().optional(),
})

export async function listApprovals(visit: Visit): Promise<Response> {
  const said = await visit.ask("GET", "/v1/approvals")
  if (said.status !== 200) return apology(visit, SECTION, said)
  const { approvals } = listed.parse(said.body)
  return respondPage(
    <ConsolePage title="Approvals" visit={visit} section={SECTION}>
      <h1>Approvals</h1>
      {approvals.length === 0 && <p class="empty card">Nothing waits for you.</p>}
      <ul class="cards">
        {approvals.map((each) => (
          <li class="card">
            <a href={each.kind === "task" ? `${SECTION}/${each.task}` : `${SECTION}/${each.task}/${each.id}`}>
              {each.kind === "task" ? each.purpose : each.tool}
            </a>
          </li>
        ))}
      </ul>
    </ConsolePage>,
  )
}
