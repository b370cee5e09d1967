/** What an agent may call, what it has called of that, and its calls outside its purposes. */
import type { FC } from "hono/jsx"
import { Moment, Text } from "../../web/text.tsx"
import { Table } from "../layout/table.tsx"
import { Counts } from "./list.tsx"
import type { Agent, Permission } from "../../api/contract/agents.ts"

/** The most tools of a list. */
const MAX_LISTED = 60

export const Permissions: FC<{ readonly of: Agent; readonly now: number }> = ({ of: { permissions }, now }) => {
  const { tools, total, unused, beyond } = permissions
  const usedTools = tools.filter(({ calls }) => calls > 0)
  const unusedTools = tools.filter(({ calls }) => calls === 0)
  return (
    <section>
      <h2>Access</h2>
      <p>
        <label for="used">{`${total - unused} of ${total} tools of its purposes used`}</label>
        <meter id="used" min={0} max={Math.max(1, total)} value={total - unused}>
          {`${total - unused} of ${total}`}
        </meter>
      </p>
      {usedTools.length > 0 && <UsedTools tools={usedTools} now={now} />}
      {unusedTools.length > 0 && (
        <details class="card" open={usedTools.length === 0}>
          <summary>{`${unusedTools.length}${tools.length < total ? " or more" : ""} unused ${unusedTools.length === 1 ? "tool" : "tools"}. Consider removing ${unusedTools.length === 1 ? "it" : "them"}.`}</summary>
          <ul>
            {unusedTools.slice(0, 2 * MAX_LISTED).map(({ tool, action, sensitivity }) => (
              <li>
                <code>
                  <Text of={tool} most={100} />
                </code>{" "}
                <span class="quiet">{`${action}, ${sensitivity}`}</span>
              </li>
            ))}
          </ul>
          {unusedTools.length > 2 * MAX_LISTED && (
            <p class="quiet">{`${unusedTools.length - 2 * MAX_LISTED} more tools.`}</p>
          )}
        </details>
      )}
      {beyond.length > 0 && (
        <div class="notice warn">
          <p>Calls outside its purposes:</p>
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

const UsedTools: FC<{ readonly tools: readonly Permission[]; readonly now: number }> = ({ tools, now }) => (
  <Table caption="Used tools, latest first" columns={["Tool", { number: "Calls" }, { number: "Denied" }, "Last"]}>
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
