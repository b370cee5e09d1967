/** What a candidate would have decided otherwise, the latest first. */
import { respondPage } from "../../page/page.tsx"
import { Moment, Text } from "../../page/text.tsx"
import { shortened } from "../../page/visible.ts"
import { lineOf } from "../decisions/line.ts"
import { decisions } from "../decisions/said.ts"
import { whyNot } from "../decisions/why.ts"
import { apology, ConsolePage } from "../frame.tsx"
import type { Visit } from "../visit.tsx"
import { SECTION } from "./list.tsx"

const PAGE = 50

export async function showShadow(visit: Visit): Promise<Response> {
  const before = visit.c.req.query("before")
  const query = new URLSearchParams({ differs: "true", limit: String(PAGE), ...(before !== undefined && { before }) })
  const said = await visit.ask("GET", `/v1/decisions?${query.toString()}`)
  if (said.status !== 200) return apology(visit, SECTION, said)
  const records = decisions.parse(said.body).decisions
  const now = visit.around.receivedAt
  const last = records.at(-1)
  return respondPage(
    <ConsolePage title="Shadow" visit={visit} section={SECTION}>
      <p>
        <a href={SECTION}>All bundles</a>
      </p>
      <h1>What a candidate would have decided otherwise</h1>
      <p class="lead">
        It decides nothing: each call was decided by the live bundle, and is judged by the candidate beside it.
      </p>
      {records.length === 0 ? (
        <p class="empty card">Nothing, in the records that are kept.</p>
      ) : (
        <div class="table">
          <table class="stack">
            <caption>Calls and requests for tokens, the latest first</caption>
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">What</th>
                <th scope="col">Who</th>
                <th scope="col">Live</th>
                <th scope="col">Candidate</th>
                <th scope="col">Why</th>
              </tr>
            </thead>
            <tbody>
              {records.map((record) => {
                const { id, at, what, who } = lineOf(record)
                const { candidate } = record
                const differs = candidate?.differs
                const why = differs?.denial ? whyNot(differs.denial) : (differs?.rules.join(", ") ?? "")
                return (
                  <tr>
                    <td data-label="When">
                      <a href={`/console/decisions/${id}`}>
                        <Moment at={at} now={now} />
                      </a>
                    </td>
                    <td data-label="What">{what}</td>
                    <td data-label="Who">{who}</td>
                    <td data-label="Live">
                      <Verdict of={record.code} />
                    </td>
                    <td data-label={`Bundle ${candidate?.bundle.seq ?? ""}`}>
                      <Verdict of={differs?.code ?? ""} />{" "}
                      {differs?.scope != null && <Text of={differs.scope} most={120} />}
                    </td>
                    <td data-label="Why" class="quiet">
                      <Text of={why} most={200} />{" "}
                      {record.kind === "call" && (
                        <a href={`${SECTION}/explain?decision=${encodeURIComponent(id)}&bundle=candidate`}>Explain</a>
                      )}
                    </td>
                  </tr>
                )
              })}
            </tbody>
          </table>
        </div>
      )}
      <p class="row">
        {before !== undefined && <a href={`${SECTION}/shadow`}>The latest</a>}
        {records.length === PAGE && last && (
          <a class="end" href={`${SECTION}/shadow?before=${encodeURIComponent(last.id)}`}>
            Earlier ones
          </a>
        )}
      </p>
    </ConsolePage>,
  )
}

const Verdict = ({ of: code }: { readonly of: string }) => (
  <span class={code === "ok" ? "badge good" : "badge bad"}>{code === "ok" ? "allowed" : shortened(code, 40)}</span>
)
