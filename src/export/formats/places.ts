/**
 * Where each field of a record stands in each format: one table, so that no field is forgotten in one of them. A value is
 * never changed on its way: what a format derives from fields (a severity, a class) stands beside them.
 */
import type { FieldName } from "../../core/record/fields.ts"

export interface Place {
  /** Key of the attribute: OpenTelemetry's own name where its conventions have one. */
  readonly otlp: string
  /** Path of the attribute. Those for which OCSF has no attribute of this meaning stand in `unmapped`. */
  readonly ocsf: string
}

const unmapped = (name: string): Place => ({ otlp: `narrowgate.${name}`, ocsf: `unmapped.${name}` })

export const PLACES: Readonly<Record<FieldName, Place>> = {
  id: { otlp: "narrowgate.id", ocsf: "metadata.uid" },
  at: { otlp: "narrowgate.at", ocsf: "time" },
  life: unmapped("life"),
  number: unmapped("number"),
  kind: { otlp: "narrowgate.kind", ocsf: "metadata.event_code" },
  decision: unmapped("decision"),
  code: { otlp: "narrowgate.code", ocsf: "status_code" },
  denial: unmapped("denial"),
  principal: unmapped("principal"),
  rules: unmapped("rules"),
  scope: unmapped("scope"),
  mode: unmapped("mode"),
  gateway: unmapped("gateway"),
  environment: { otlp: "deployment.environment.name", ocsf: "unmapped.environment" },
  operator: unmapped("operator"),
  method: { otlp: "http.request.method", ocsf: "http_request.http_method" },
  mcp_method: { otlp: "mcp.method.name", ocsf: "unmapped.mcp_method" },
  path: { otlp: "url.path", ocsf: "http_request.url.path" },
  tool: { otlp: "gen_ai.tool.name", ocsf: "unmapped.tool" },
  action: unmapped("action"),
  sensitivity: unmapped("sensitivity"),
  task: { otlp: "narrowgate.task", ocsf: "actor.session.uid" },
  purpose: unmapped("purpose"),
  audience: unmapped("audience"),
  expires: unmapped("expires"),
  user: { otlp: "user.id", ocsf: "unmapped.user" },
  groups: unmapped("groups"),
  chain: unmapped("chain"),
  arguments_hash: unmapped("arguments_hash"),
  arguments_omitted: unmapped("arguments_omitted"),
  arguments: unmapped("arguments"),
  facts: unmapped("facts"),
  bundle: unmapped("bundle"),
  windows: unmapped("windows"),
  guardrails: unmapped("guardrails"),
  calls: unmapped("calls"),
  approvals: unmapped("approvals"),
  labels: unmapped("labels"),
  carried: unmapped("carried"),
  listing: unmapped("listing"),
  candidate: unmapped("candidate"),
  cut: unmapped("cut"),
  token_hash: unmapped("token_hash"),
  bound: unmapped("bound"),
  total_ms: unmapped("total_ms"),
  io_ms: unmapped("io_ms"),
  trace: unmapped("trace"),
  steps: unmapped("steps"),
}

/** The place of a record in its log: every format has it, so that a receiver can leave out what it has. */
export const POSITION_PLACES: Readonly<Record<"log" | "index" | "leaf" | "salt", Place>> = {
  log: { otlp: "narrowgate.log", ocsf: "metadata.log_name" },
  index: { otlp: "narrowgate.index", ocsf: "metadata.sequence" },
  leaf: unmapped("leaf"),
  salt: unmapped("salt"),
}

const ALL: Readonly<Record<string, Place>> = { ...PLACES, ...POSITION_PLACES }

/** A member that this table does not know was written by a later release. */
export const placeOf = (name: string): Place => (Object.hasOwn(ALL, name) ? ALL[name] : null) ?? unmapped(name)
