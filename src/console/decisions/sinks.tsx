/** The sinks of decision records: how each is, and how far it is in each log. */
import type { FC } from "hono/jsx"
import { CONTRACT } from "../../api/contract/contract.ts"
import {
  exporterTitle,
  healthOf,
  isKnown,
  lagInWords,
  type Exporter,
  type SinkHealth,
} from "../../api/contract/sinks.ts"
import { Moment, Text } from "../../web/text.tsx"
import { descriptionOf, NO_REASON_GIVEN, type ApiResponse } from "../layout/page-request.ts"
import { Table } from "../layout/table.tsx"

/** @param response of `/v1/sinks`; nothing is shown if there are none */
export const Sinks: FC<{ readonly response: ApiResponse; readonly now: number }> = ({ response, now }) => {
  if (response.status !== 200)
    return <p class="quiet">{`The sinks could not be read: ${descriptionOf(response) ?? NO_REASON_GIVEN}`}</p>
  const { sinks } = CONTRACT.listSinks.answer().parse(response.body)
  if (sinks.length === 0) return null
  return (
    <section class="card">
      <h2>Sinks</h2>
      {sinks.map((sink) => (
        <p>
          <Badge of={healthOf(sink)} /> <strong>{sink.id}</strong> ({sink.kind}){" "}
          <Health of={healthOf(sink)} now={now} />
        </p>
      ))}
      <details>
        <summary>Progress in each log</summary>
        <Table
          caption="By sink and log"
          columns={["Sink", "Log", "Lacks", { number: "Next" }, "Last success", "Last failure"]}
        >
          {sinks.flatMap(({ id, logs }) => logs.map((log) => <Row sink={id} of={log} now={now} />))}
        </Table>
      </details>
    </section>
  )
}

type Props<Of> = { readonly of: Of; readonly now: number }

const Badge: FC<{ readonly of: SinkHealth }> = ({ of: { lagRecords, failure, lostRecords, denies, unknown } }) => {
  if (denies) return <span class="badge bad">full</span>
  if (failure) return <span class="badge bad">failing</span>
  if (unknown.length > 0) return <span class="badge bad">unavailable</span>
  if (lostRecords > 0) return <span class="badge warn">incomplete</span>
  return lagRecords > 0 ? <span class="badge">behind</span> : <span class="badge good">up to date</span>
}

const Health: FC<Props<SinkHealth>> = ({
  of: { lagRecords, lagSeconds, failure, lostRecords, denies, unknown },
  now,
}) => (
  <>
    {lagInWords(lagRecords, lagSeconds)}.{" "}
    {failure && (
      <>
        Last failure <Moment at={failure.at} now={now} />: <Text of={failure.says} most={300} />{" "}
      </>
    )}
    {lostRecords > 0 && (
      <>
        {lostRecords} records were not exported: <code>narrowgate sinks</code> lists them.{" "}
      </>
    )}
    {denies && "Calls are denied, because the log has no room for their records. "}
    {unknown.length > 0 && `The state for ${unknown.join(", ")} could not be read.`}
  </>
)

const Row: FC<Props<Exporter> & { readonly sink: string }> = ({ sink, of, now }) => (
  <tr>
    <td data-label="Sink">{sink}</td>
    <td data-label="Log">{exporterTitle(of)}</td>
    {isKnown(of) ? <Progress of={of} now={now} /> : <td colspan={4}>Its state could not be read.</td>}
  </tr>
)

const Progress: FC<Props<Extract<Exporter, { readonly next: number }>>> = ({ of, now }) => (
  <>
    <td data-label="Lacks">{of.lag_records === 0 ? "nothing" : `${of.lag_records}, ${of.lag_seconds} s old`}</td>
    <td data-label="Next" class="number">
      {of.next}
    </td>
    <td data-label="Last success">{of.succeeded_at === null ? "never" : <Moment at={of.succeeded_at} now={now} />}</td>
    <td data-label="Last failure">
      {of.last_failure ? (
        <>
          <Moment at={of.last_failure.at} now={now} />: <Text of={of.last_failure.says} most={300} />
        </>
      ) : (
        "none"
      )}
    </td>
  </>
)
