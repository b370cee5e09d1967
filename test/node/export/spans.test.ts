/** Decisions as spans and samples as metrics, compared with what OpenTelemetry's own serializer makes of the same. */
import { JsonMetricsSerializer, JsonTraceSerializer } from "@opentelemetry/otlp-transformer"
import * as conventions from "@opentelemetry/semantic-conventions/incubating"
import { describe, expect, test } from "vitest"
import { METRICS, sample, type MetricName } from "../../../src/core/metrics/metric.ts"
import { spanIdOf, traceIdOf } from "../../../src/core/encoding/trace-context.ts"
import { SAMPLERS } from "../../../src/core/policy/definition/sinks.ts"
import { recordOf, storedForm, type DecisionRecord } from "../../../src/core/record/record.ts"
import { isSpan, OTLP_SPANS } from "../../../src/export/formats/otlp-spans.ts"
import { otlpMetrics } from "../../../src/export/formats/otlp-metrics.ts"

const ISSUER = "https://authz.example"
const ID = "dec_01KB7Q3ZJ8S4T5V6W7X8Y9Z0AB"
const AT = 1_790_000_000_123
/** When counters begin. */
const BEGAN = AT - 86_400_000
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

const CALL: DecisionRecord = recordOf({
  id: ID,
  at: AT,
  kind: "call",
  decision: "deny",
  code: "policy_denied",
  denial: { reason: "policy_forbids", principal: 'User::"idp|alice"', rules: ["no-mail-outside"] },
  gateway: "edge",
  environment: "production",
  method: "POST",
  mcp_method: "tools/call",
  path: "/mail/alice@example.org",
  tool: "mail.send",
  action: "write",
  sensitivity: "internal",
  task: "tsk_1",
  purpose: "triage-ticket",
  user: "idp|alice",
  groups: ["staff"],
  chain: ["spiffe://example.org/root", "spiffe://example.org/agent"],
  arguments: { to: "alice@example.org" },
  facts: { "session.acr": "high" },
  principal: 'User::"idp|alice"',
  rules: ["no-mail-outside"],
  bundle: { seq: 7, digest: "0".repeat(64) },
  number: 3,
  total_ms: 25,
  steps: { lease: 5 },
  trace: `${TRACE}-00f067aa0ba902b7-01`,
})

const exported = (...records: readonly DecisionRecord[]) =>
  JSON.parse(
    OTLP_SPANS.write(
      {
        log: "records-0",
        from: 0,
        next: records.length,
        records: records.map((record, index) => ({ index, leaf: "", salt: "", body: storedForm(record).body })),
        checkpoints: [],
      },
      { issuer: ISSUER },
    ),
  )
const spansOf = (...records: readonly DecisionRecord[]) => exported(...records).resourceSpans[0].scopeSpans[0].spans

const RESOURCE = {
  attributes: { "service.name": "narrowgate", "service.instance.id": ISSUER },
  asyncAttributesPending: false,
  merge: (other: null) => other ?? Object(null),
  getRawAttributes: () => [],
}
const hrTime = (ms: number): [number, number] => [Math.floor(ms / 1000), (ms % 1000) * 1_000_000]
const read = (bytes: Uint8Array | undefined): unknown => JSON.parse(new TextDecoder().decode(bytes))

/** Attributes in the order of their keys; what is empty or zero need not be written (JSON of Protobuf). */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(sorted)
    return items.every((item) => typeof Object(item).key === "string")
      ? items.toSorted((a, b) => (Object(a).key < Object(b).key ? -1 : 1))
      : items
  }
  if (typeof value !== "object" || value === null) return value
  const members = Object.entries(value).filter(
    ([name, each]) =>
      !/^dropped\w+Count$/.test(name) && each !== undefined && !(Array.isArray(each) && each.length === 0),
  )
  return Object.fromEntries(members.map(([name, each]) => [name, sorted(each)]))
}

describe("a decision's span", () => {
  test("is what the official serializer makes of it", () => {
    const spans: unknown = [
      {
        name: "authorize mail.send",
        kind: 1,
        spanContext: () => ({ traceId: TRACE, spanId: spanIdOf(ID), traceFlags: 1 }),
        parentSpanContext: { traceId: TRACE, spanId: "00f067aa0ba902b7", traceFlags: 1, isRemote: true },
        startTime: hrTime(AT - 25),
        endTime: hrTime(AT),
        duration: hrTime(25),
        ended: true,
        status: { code: 0 },
        attributes: {
          "narrowgate.id": ID,
          "narrowgate.kind": "call",
          "narrowgate.decision": "deny",
          "narrowgate.code": "policy_denied",
          "narrowgate.mode": "enforce",
          "narrowgate.gateway": "edge",
          [conventions.ATTR_DEPLOYMENT_ENVIRONMENT_NAME]: "production",
          [conventions.ATTR_HTTP_REQUEST_METHOD]: "POST",
          [conventions.ATTR_MCP_METHOD_NAME]: conventions.MCP_METHOD_NAME_VALUE_TOOLS_CALL,
          [conventions.ATTR_GEN_AI_TOOL_NAME]: "mail.send",
          "narrowgate.action": "write",
          "narrowgate.sensitivity": "internal",
          "narrowgate.task": "tsk_1",
          "narrowgate.purpose": "triage-ticket",
          [conventions.ATTR_GEN_AI_AGENT_ID]: "spiffe://example.org/agent",
          "narrowgate.bundle.number": 7,
          "narrowgate.wait.lease_ms": 5,
          "narrowgate.wait.ledger_ms": 20,
        },
        links: [],
        events: [
          {
            name: "narrowgate.denied",
            time: hrTime(AT),
            attributes: {
              "narrowgate.code": "policy_denied",
              "narrowgate.reason": "policy_forbids",
              "narrowgate.rules": ["no-mail-outside"],
            },
          },
        ],
        resource: RESOURCE,
        instrumentationScope: { name: "narrowgate" },
        droppedAttributesCount: 0,
        droppedEventsCount: 0,
        droppedLinksCount: 0,
      },
    ]
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its enumerations are in packages that are not ours to import
    const typed = spans as Parameters<typeof JsonTraceSerializer.serializeRequest>[0]
    const official = JsonTraceSerializer.serializeRequest(typed)
    expect(sorted(exported(CALL))).toEqual(sorted(read(official)))
  })

  test("names no person, no path and no argument", () => {
    const text = JSON.stringify(exported(CALL))
    for (const part of ["alice", "staff", "/mail", "acr"]) expect(text).not.toContain(part)
  })

  test("begins a trace if none came, and is one that was sampled, whatever its caller says", () => {
    const [own] = spansOf({ ...CALL, trace: null })
    expect(own).toMatchObject({ traceId: traceIdOf(ID), spanId: spanIdOf(ID), flags: 3 })
    expect(own).not.toHaveProperty("parentSpanId")
    expect(spansOf({ ...CALL, trace: `${TRACE}-00f067aa0ba902b7-02` })).toMatchObject([{ flags: 0x303 }])
  })

  test.each(SAMPLERS)("is sent or not by the flags of its caller's trace, as %s says", (sampler) => {
    const traces = [null, "00", "01", "02", "03"].map((flags) => flags && `${TRACE}-00f067aa0ba902b7-${flags}`)
    const sent = traces.map((trace) => isSpan(storedForm({ ...CALL, trace }), sampler))
    expect(sent).toEqual(
      {
        always_on: [true, true, true, true, true],
        parentbased_always_on: [true, false, true, false, true],
        parentbased_always_off: [false, false, true, false, true],
      }[sampler],
    )
  })

  test("is an error only of an outage; of what is neither a call nor a token there is none", () => {
    const [outage] = spansOf({ ...CALL, code: "unavailable", denial: { reason: "ledger_unavailable" }, number: null })
    expect(outage.status).toEqual({ code: 2 })
    expect(outage.attributes).toContainEqual({
      key: conventions.ATTR_ERROR_TYPE,
      value: { stringValue: "unavailable" },
    })
    const [allowed] = spansOf({ ...CALL, decision: "allow", code: "ok", denial: null })
    expect([allowed.status, allowed.events]).toEqual([{ code: 0 }, []])
    for (const kind of ["management", "end", "approval"] as const)
      expect(isSpan(storedForm({ ...CALL, kind }), "always_on")).toBe(false)
    expect(spansOf({ ...CALL, kind: "exchange", tool: null })).toMatchObject([{ name: "issue token" }])
  })
})

describe("samples as OTLP metrics", () => {
  const buckets = [1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4]
  const bounds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5]

  test("are what the official serializer makes of them", () => {
    const labels = { kind: "call", decision: "allow", code: "ok", gateway: "edge", tool: "mail.send" }
    const written = otlpMetrics(
      [
        sample("narrowgate_decisions", labels, 12, BEGAN),
        sample("narrowgate_wait_seconds", { step: "ledger" }, { buckets, sumMs: 31_500 }, BEGAN),
        sample("narrowgate_lease_available", {}, 1),
      ],
      ISSUER,
      AT,
    )
    const point = { startTime: hrTime(BEGAN), endTime: hrTime(AT) }
    const described = (name: MetricName) => ({
      descriptor: {
        name,
        description: METRICS[name].doc,
        unit: METRICS[name].unit,
        valueType: 1,
        type: "COUNTER",
        advice: {},
      },
      aggregationTemporality: 1,
    })
    const request: unknown = {
      resource: RESOURCE,
      scopeMetrics: [
        {
          scope: { name: "narrowgate" },
          metrics: [
            {
              ...described("narrowgate_decisions"),
              dataPointType: 3,
              isMonotonic: true,
              dataPoints: [{ ...point, attributes: labels, value: 12 }],
            },
            {
              ...described("narrowgate_wait_seconds"),
              dataPointType: 0,
              dataPoints: [
                {
                  ...point,
                  attributes: { step: "ledger" },
                  value: { buckets: { boundaries: bounds, counts: buckets }, sum: 31.5, count: 7 },
                },
              ],
            },
            {
              ...described("narrowgate_lease_available"),
              dataPointType: 2,
              dataPoints: [{ ...point, startTime: [0, 0] as [number, number], attributes: {}, value: 1 }],
            },
          ],
        },
      ],
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its enumerations are in packages that are not ours to import
    const typed = request as Parameters<typeof JsonMetricsSerializer.serializeRequest>[0]
    const official = JsonMetricsSerializer.serializeRequest(typed)
    // A gauge has no start, which is zero there.
    expect(sorted(JSON.parse(written))).toEqual(sorted(withoutStarts(read(official))))
  })
})

function withoutStarts(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (name, each: unknown) =>
    name === "startTimeUnixNano" && (each === "0" || each === 0) ? undefined : each,
  )
}
