/** What records become for a sink. Nothing that a record has is lost in a format, and nothing is there twice. */
import { JsonLogsSerializer } from "@opentelemetry/otlp-transformer"
import { expect, test } from "vitest"
import { spanIdOf } from "../../../src/core/encoding/trace-context.ts"
import { FIELDS } from "../../../src/core/record/fields.ts"
import { OCSF } from "../../../src/export/formats/ocsf.ts"
import { OTLP_LOGS } from "../../../src/export/formats/otlp-logs.ts"
import { PLACES, POSITION_PLACES } from "../../../src/export/formats/places.ts"
import { RECORDS } from "../../../src/export/formats/records.ts"
import { batchWith, CHECKPOINT, CONTEXT, LEAF, SALT, WHOLE } from "./whole-record.ts"

const EXPORTED = { ...WHOLE, log: "records-0", index: 42, leaf: LEAF, salt: SALT }
const lines = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))

test("each field has a place of its own in each format", () => {
  expect(Object.keys(PLACES).toSorted()).toEqual(Object.keys(FIELDS).toSorted())
  const places = Object.values({ ...PLACES, ...POSITION_PLACES })
  for (const format of ["otlp", "ocsf"] as const) {
    const names = places.map((place) => place[format])
    expect(new Set(names).size, format).toBe(names.length)
  }
})

test("records: each as it is stored, with its place in the log", () => {
  expect(lines(RECORDS.write(batchWith(WHOLE), CONTEXT))).toEqual([
    EXPORTED,
    { checkpoint: { log: "records-0", ...CHECKPOINT } },
  ])
})

/** The value of an attribute, as JSON has it. */
function valueOf(any: Record<string, unknown>): unknown {
  const [[type, value] = []] = Object.entries(any)
  if (type === "arrayValue") return Object(value).values.map(valueOf)
  return type === "kvlistValue" ? attributesOf(Object(value).values) : type === undefined ? null : value
}
function attributesOf(list: readonly { readonly key: string; readonly value: Record<string, unknown> }[]) {
  return Object.fromEntries(list.map(({ key, value }) => [key, valueOf(value)]))
}

test("OTLP: every field can be read back as it was", () => {
  const [record] = JSON.parse(OTLP_LOGS.write(batchWith(WHOLE), CONTEXT)).resourceLogs[0].scopeLogs[0].logRecords
  const attributes = attributesOf(record.attributes)
  for (const [name, { otlp }] of Object.entries({ ...PLACES, ...POSITION_PLACES }))
    expect(attributes[otlp], name).toEqual(Object(EXPORTED)[name])
  expect(Object.keys(attributes)).toHaveLength(Object.keys(EXPORTED).length)
})

test.each([0, 1, 3])("OTLP: %i records are all that a request has, also without a checkpoint", (count) => {
  const one = batchWith(WHOLE)
  const records = Array.from({ length: count }, () => one.records).flat()
  const request = JSON.parse(OTLP_LOGS.write({ ...one, records, checkpoints: [] }, CONTEXT))
  expect(request.resourceLogs[0].scopeLogs[0].logRecords).toHaveLength(count)
})

test("OTLP: the official serializer makes the same of the same records", () => {
  const written = JSON.parse(OTLP_LOGS.write(batchWith(WHOLE), CONTEXT))
  const official = JsonLogsSerializer.serializeRequest([
    Object({
      ...SHARED,
      ...timesOf(WHOLE.at),
      spanContext: { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: spanIdOf(WHOLE.id), traceFlags: 1 },
      severityNumber: 13,
      severityText: "WARN",
      body: "deny mail.send policy_denied",
      eventName: "narrowgate.decision",
      attributes: Object.fromEntries(
        Object.entries({ ...PLACES, ...POSITION_PLACES }).map(([name, { otlp }]) => [otlp, Object(EXPORTED)[name]]),
      ),
    }),
    Object({
      ...SHARED,
      ...timesOf(CHECKPOINT.at),
      severityNumber: 9,
      severityText: "INFO",
      body: CHECKPOINT.note,
      eventName: "narrowgate.checkpoint",
      attributes: { "narrowgate.log": "records-0", "narrowgate.size": 43 },
    }),
  ])
  expect(sorted(written)).toEqual(sorted(JSON.parse(new TextDecoder().decode(official))))
})

const SHARED = {
  resource: {
    attributes: { "service.name": "narrowgate", "service.instance.id": CONTEXT.issuer },
    asyncAttributesPending: false,
    merge: (other: null) => other ?? Object(null),
    getRawAttributes: () => [],
  },
  instrumentationScope: { name: "narrowgate" },
  droppedAttributesCount: 0,
}

function timesOf(ms: number) {
  const time: [number, number] = [Math.floor(ms / 1000), (ms % 1000) * 1_000_000]
  return { hrTime: time, hrTimeObserved: time }
}

/** Attributes in the order of their keys; what is zero need not be written (JSON of Protobuf). */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(sorted)
    return items.every((item) => typeof Object(item).key === "string")
      ? items.toSorted((a, b) => (Object(a).key < Object(b).key ? -1 : 1))
      : items
  }
  if (typeof value !== "object" || value === null) return value
  const members = Object.entries(value).filter(([name]) => name !== "droppedAttributesCount")
  return Object.fromEntries(members.map(([name, each]) => [name, sorted(each)]))
}

function at(event: Record<string, unknown>, path: string): unknown {
  return path.split(".").reduce<unknown>((inner, name) => Object(inner)[name], event)
}

test("OCSF: every field stands at its place, as it was", () => {
  const [event = {}] = lines(OCSF.write(batchWith(WHOLE), CONTEXT))
  for (const [name, { ocsf }] of Object.entries({ ...PLACES, ...POSITION_PLACES }))
    expect(at(event, ocsf), name).toEqual(Object(EXPORTED)[name])
})

test.each([
  ["a call", { kind: "call", action: "read", decision: "allow" }, { class_uid: 6003, type_uid: 600302, status_id: 1 }],
  ["a denied call", { kind: "call", decision: "deny" }, { class_uid: 6003, status_id: 2, severity_id: 2 }],
  [
    "a granted token",
    { kind: "exchange", decision: "allow" },
    { class_uid: 3003, type_uid: 300301, privileges: ["mail.*:write"] },
  ],
  [
    "a token without a user",
    { kind: "exchange", decision: "allow", user: null },
    { class_uid: 6003, type_uid: 600301 },
  ],
  ["a denied token", { kind: "exchange", decision: "deny" }, { class_uid: 6003, status_id: 2 }],
  ["an end", { kind: "end" }, { class_uid: 6003, activity_id: 4 }],
  ["an approval", { kind: "approval", action: null }, { class_uid: 6003, activity_id: 99, activity_name: "approval" }],
  ["a look", { kind: "management", method: "GET" }, { class_uid: 6003, activity_id: 2 }],
  [
    "an agent's call",
    { operator: null },
    {
      actor: { app_uid: WHOLE.chain[1], user: { uid: WHOLE.user }, session: { uid: WHOLE.task } },
      src_endpoint: { name: WHOLE.chain[1] },
    },
  ],
  ["a stranger's call", { operator: null, chain: [], user: null }, { actor: { app_uid: "unidentified" } }],
  ["an operator's request", {}, { actor: { user: { uid: WHOLE.operator } }, src_endpoint: { name: WHOLE.operator } }],
] as const)("OCSF: %s", (_name, change, expected) => {
  const [event] = lines(OCSF.write(batchWith({ ...WHOLE, ...change }), CONTEXT))
  expect(event).toMatchObject(expected)
})

test("OCSF: a checkpoint is a base event", () => {
  const [, event] = lines(OCSF.write(batchWith(WHOLE), CONTEXT))
  expect(event).toMatchObject({ class_uid: 0, time: CHECKPOINT.at, unmapped: { size: 43, note: CHECKPOINT.note } })
})
