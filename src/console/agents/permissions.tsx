/** What an agent may, what of that it has used, and what it has asked for besides. */
import type { FC } from "hono/jsx"
import { Moment, Text } from "../../web/text.tsx"
import { Table } from "../layout/table.tsx"
import { Counts } from "./list.tsx"
import type { Agent, Permission } from "../../api/contract/agents.ts"

/** Of a list of tools that ought not to be long. */
const MAX_LISTED = 60

export const Permissions: FC<{ readonly of: Agent; readonly now: number }> = ({ of: { permissions }, now }) => {
  const { tools, total, unused, beyond } = permissions
  const used = tools.filter(({ calls }) => calls > 0)
  const never = tools.filter(({ calls }) => calls === 0)
  return (
    <section>
      <h2>What it may, and has used</h2>
      <p>
        <label for="used">{`${total - unused} of ${total} tools that its purposes hold were called and allowed, in the records that were looked at.`}</label>
        <meter id="used" min={0} max={Math.max(1, total)} value={total - unused}>
          {`${total - unused} of ${total}`}
        </meter>
      </p>
      {used.length > 0 && <Used tools={used} now={now} />}
      {never.length > 0 && (
        <details class="card" open={used.length === 0}>
          <summary>{`${never.length}${tools.length < total ? " or more" : ""} never called: what could be taken away`}</summary>
          <ul>
            {never.slice(0, 2 * MAX_LISTED).map(({ tool, action, sensitivity }) => (
              <li>
                <code>
                  <Text of={tool} most={100} />
                </code>{" "}
                <span class="quiet">{`${action}, ${sensitivity}`}</span>
              </li>
            ))}
          </ul>
          {never.length > 2 * MAX_LISTED && <p class="quiet">{`And ${never.length - 2 * MAX_LISTED} more.`}</p>}
        </details>
      )}
      {beyond.length > 0 && (
        <div class="notice warn">
          <p>It has asked for tools that none of its purposes holds:</p>
          <ul>
            {beyond.slice(0, MAX_LISTED).map(({ tool, calls, denied }) => (
              <li>
                <code>
                  <Text of={tool} most={100} />
                </code>
                {`: ${calls} ${calls === 1 ? "call" : "calls"}, ${denied} denied`}
              </li>
            ))}
          </ul>
        </div>
      )}
    </section>
  )
}

const Used: FC<{ readonly tools: readonly Permission[]; readonly now: number }> = ({ tools, now }) => (
  <Table
    caption="Tools that it has called, the latest first"
    columns={["Tool", { number: "Calls" }, { number: "Denied" }, "Last"]}
  >
    {tools.slice(0, MAX_LISTED + 20).map(({ tool, action, calls, denied, last }) => (
      <tr>
        <td data-label="Tool">
          <code>
            <Text of={tool} most={100} />
          </code>{" "}
          <span class="quiet">{action}</span>
        </td>
        <Counts calls={calls} denied={denied} />
        <td data-label="Last">{last !== null && <Moment at={last} now={now} />}</td>
      </tr>
    ))}
  </Table>
)
