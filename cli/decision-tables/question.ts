/** The query of a test, and the scene in which it is made, in the words of the bundle. */
import { isDeepStrictEqual } from "node:util"
import { unforwardedBody } from "../../src/core/catalog/call-request.ts"
import { locateTool, originOfTool, toolRequests, type ToolRequest } from "../../src/core/catalog/tool-request.ts"
import { clientOf, UNKNOWN_CLIENT, type Client } from "../../src/core/decision/client.ts"
import { isDenied } from "../../src/core/denials/denied.ts"
import { describeOAuthError, isOAuthFailure } from "../../src/core/denials/oauth-error.ts"
import type { GatewayDefinition } from "../../src/core/policy/definition/gateways.ts"
import { suggest } from "../../src/core/encoding/nearest.ts"
import { AREAS, KIND_OF_AREA, MANAGED_KINDS, type OperatorFacts } from "../../src/core/policy/management.ts"
import { readRequestedGrant } from "../../src/core/task/requested-grant.ts"
import type { Path } from "../compiler/source/source.ts"
import { ALLOWED, readExpectation } from "./expectation.ts"
import type { Layers, Present, LayerResult } from "./layers.ts"
import { KINDS, type TestQuestion, type Given, type QuestionKind, type StepText } from "./schema.ts"
import type { World } from "./names.ts"
import type { RequestedTask, CallTarget, Login, TestQuery, Scene, Step } from "./scene.ts"

export function readQuestion(layers: Layers, world: World): TestQuery {
  const { kind, path } = kindOf(layers)
  if (kind === "call") return readCall(layers, world)
  for (const key of ["after", "later", "arguments", "body", "headers", "client"] as const) {
    const result = layers.said(key)
    if (result) layers.fault(result.path, `\`${key}\` has no effect where \`${kind}\` is asked`, "Remove it.")
  }
  return kind === "open" ? readOpen(layers, world) : readManage(layers, world, path)
}

function kindOf(layers: Layers): { readonly kind: QuestionKind; readonly path: Path } {
  const layer = layers.layers.findLast(({ value }) => KINDS.some((kind) => value[kind] !== undefined))
  const [kind, another] = KINDS.filter((each) => layer?.value[each] !== undefined)
  if (!layer || !kind) return layers.fault(layers.path, "the test has no query", "Write `call`, `open` or `manage`.")
  if (another) layers.fault(layer.at(another), `asks \`${kind}\` and \`${another}\``, "Make two tests of it.")
  return { kind, path: layer.at(kind) }
}

function readCall(layers: Layers, world: World): TestQuery {
  const [args, body, headers] = [layers.said("arguments"), layers.said("body"), layers.said("headers")]
  const target = readTarget(layers, world, layers.need("call"), { arguments: args, body, headers }, "query")
  const { gateway } = target
  const scene = readScene(layers, world, readChain(layers, world))
  const after = layers.said("after")
  const steps = after?.value.map((step, index) => {
    return readStep(layers, world, scene, { value: step, path: [...after.path, index] })
  })
  const client = readClient(layers, gateway, "question")
  const later = layers.said("later")?.value ?? 0
  return { kind: "call", scene: { ...scene, client, after: steps ?? [], later }, target }
}

/** What is given is requested by the tasks above; the last task requests this. */
function readOpen(layers: Layers, world: World): TestQuery {
  const open = layers.need("open")
  const alone = layers.given("rules_alone")
  if (alone?.value === true)
    layers.fault(alone.path, "a task that holds everything holds what it asks for", "Remove it.")
  const chain = readChain(layers, world)
  const last = chain.at(-1)
  const requested = open.value === "given" ? last?.requested : askedOf(layers, open.value, undefined, open.path)
  const openings = last && requested ? [...chain.slice(0, -1), { ...last, requested }] : chain
  return { kind: "open", scene: readScene(layers, world, openings) }
}

function readManage(layers: Layers, world: World, path: Path): TestQuery {
  const [method = "", named = "", kind, target = null] = layers.need("manage").value.split(" ")
  const area = layers.oneOf(AREAS, named, path, "area")
  const about = kind === undefined ? KIND_OF_AREA[area] : layers.oneOf(MANAGED_KINDS, kind, path, "kind of thing")
  return { kind: "manage", operator: readOperator(layers, world), method, thing: { area, kind: about, target } }
}

function readScene(layers: Layers, world: World, chain: readonly RequestedTask[]): Scene {
  return {
    user: readUser(layers, world),
    chain,
    consents: layers.given("consent")?.value === true ? ["user"] : [],
    approvals: readApprovals(layers, world),
    boundKey: layers.given("bound_key")?.value ?? false,
    rulesAlone: layers.given("rules_alone")?.value ?? false,
    risk: layers.given("risk")?.value ?? 0,
    left: { labels: layers.given("labels")?.value ?? [], calls: layers.given("calls")?.value ?? 0 },
    client: UNKNOWN_CLIENT,
    after: [],
    later: 0,
  }
}

function readApprovals(layers: Layers, world: World): readonly string[] {
  const approvals = layers.given("approvals")
  if (!approvals) return []
  for (const [index, value] of approvals.value.entries()) {
    layers.layer(world.approvals, { value, path: [...approvals.path, index] }, "approval", "approvers.yaml")
  }
  return approvals.value
}

type ChainEntry = { readonly agent: string } & Pick<Given, "purpose" | "scope" | "details">

function readChain(layers: Layers, world: World): readonly RequestedTask[] {
  const [chain, agent] = [layers.given("chain"), layers.given("agent")]
  if (chain) return chain.value.map((entry, index) => readTask(layers, world, entry, [...chain.path, index]))
  if (agent) return [readTask(layers, world, { agent: agent.value }, agent.path)]
  return layers.fault(layers.path, "no agent is named", "Write `agent` into `given`.")
}

function readTask(layers: Layers, world: World, entry: ChainEntry, path: Path): RequestedTask {
  const { agent } = entry
  layers.layer(world.agents, { value: agent, path }, "agent", "agents.yaml")
  const purpose = entry.purpose === undefined ? layers.given("purpose") : { value: entry.purpose, path }
  if (purpose) layers.layer(world.purposes, purpose, "purpose", "agents.yaml")
  if (entry.scope !== undefined || entry.details !== undefined) {
    return {
      agent,
      purpose: purpose?.value ?? null,
      requested: askedOf(layers, entry.scope ?? null, entry.details, path),
    }
  }
  const [scope, details] = [layers.given("scope"), layers.given("details")]
  const requested = askedOf(layers, scope?.value ?? null, details?.value, (details ?? scope)?.path ?? path)
  return { agent, purpose: purpose?.value ?? null, requested }
}

/** Read as a token request would be. */
function askedOf(
  layers: Layers,
  scope: readonly string[] | null,
  details: Given["details"],
  path: Path,
): RequestedTask["requested"] {
  const typed = details?.map((each) => ({ type: "narrowgate_call", ...each }))
  const read = readRequestedGrant({
    scope: scope && scope.join(" "),
    purpose: null,
    authorizationDetails: typed ? JSON.stringify(typed) : null,
  })
  return isOAuthFailure(read) ? layers.fault(path, describeOAuthError(read.refused), "Ask for less.") : read.requested
}

function readUser(layers: Layers, world: World): Login | null {
  const user = layers.user()
  if (!user) return null
  const { issuer, subject, groups = [], acr, auth_age } = user.value
  if (subject === undefined) return layers.fault(user.path, "the user has no subject", "Write `subject`.")
  const login = { ...(acr !== undefined && { acr }), ...(auth_age !== undefined && { auth_age }) }
  return { issuer: readIssuer(layers, world, "users", issuer, user.path), subject, groups, ...login }
}

function readOperator(layers: Layers, world: World): OperatorFacts {
  const given = layers.given("operator")
  if (!given) return layers.fault(layers.path, "no operator is named", "Write `operator` into `given`.")
  const { issuer: id, subject, roles } = given.value
  const issuer = readIssuer(layers, world, "operators", id, given.path)
  const { operators, issuers } = world.body
  const ids = new Set(issuers.flatMap((each) => (each.issuer === issuer ? [each.id] : [])))
  const registered = operators.find((one) => one.subject === subject && ids.has(one.issuer))
  if (roles ?? registered) return { issuer, subject, roles: roles ?? registered?.roles ?? [] }
  const fix = "Name one of operators.yaml, or write which `roles` they would have."
  return layers.fault(given.path, `\`${subject}\` is no operator`, fix)
}

/** URL of an issuer by its id; without an id, of the only issuer of such tokens. */
function readIssuer(
  layers: Layers,
  { body }: World,
  of: "users" | "operators",
  id: string | undefined,
  path: Path,
): string {
  const issuers = body.issuers.filter((one) => (of === "operators" ? one.operators : (one.users ?? one.assertions)))
  const [found, another] = id === undefined ? issuers : issuers.filter((issuer) => issuer.id === id)
  if (found?.issuer !== undefined && !another) return found.issuer
  const what =
    id === undefined ? `not one issuer of ${of}, of which this could be` : `no issuer of ${of} is called \`${id}\``
  const ids = issuers.map((issuer) => issuer.id)
  return layers.fault(path, what, suggest(id ?? "", ids, "Write `issuer`: an id of issuers.yaml."))
}

function readGateway(layers: Layers, { body, gateways }: World): GatewayDefinition {
  const named = layers.given("gateway")
  const [first] = body.gateways
  const id = named?.value ?? first?.id ?? ""
  const fix = suggest(id, gateways.keys(), "Add one to gateways.yaml.")
  return gateways.get(id) ?? layers.fault(named?.path ?? layers.path, `there is no gateway \`${id}\``, fix)
}

/**
 * The named gateway. If none is named, the first one that serves the origin; likewise for an earlier call, which may have
 * come through another gateway than the query.
 * @param called in words, for a gateway that does not serve it
 */
function gatewayServing(
  layers: Layers,
  world: World,
  origin: string,
  of: "query" | "step",
  called: LayerResult<string>,
): GatewayDefinition {
  const gateway = readGateway(layers, world)
  if (gateway.origins.includes(origin)) return gateway
  const serving = world.body.gateways.filter(({ origins }) => origins.includes(origin))
  const named = layers.given("gateway")
  const [first] = serving
  if (first && (!named || of === "step")) return first
  const ids = serving.map(({ id }) => `\`${id}\``).join(" or ")
  const fix = first ? `Name a gateway that does: ${ids}.` : suggest(origin, gateway.origins, "Name another origin.")
  return layers.fault(called.path, `\`${gateway.id}\` does not serve \`${called.value}\``, fix)
}

type FullStep = Extract<StepText, { readonly times?: number }>

function readStep(layers: Layers, world: World, scene: Scene, { value: step, path }: LayerResult<StepText>): Step {
  const given = <Value>(value: Value, key: string): LayerResult<Present<Value>> | undefined =>
    value === undefined ? undefined : { value, path: [...path, key] }
  const { call, arguments: args, body, headers, by, client, times = 1, later = 0, expect, settle }: FullStep = step
  const agents = scene.chain.map(({ agent }) => agent)
  if (by !== undefined && !agents.includes(by)) {
    const fix = suggest(by, agents, "Name an agent of the chain.")
    layers.fault([...path, "by"], `\`${by}\` is not in the chain`, fix)
  }
  const carried = { arguments: given(args, "arguments"), body: given(body, "body"), headers: given(headers, "headers") }
  const target = readTarget(layers, world, { value: call, path: [...path, "call"] }, carried, "step")
  const { gateway } = target
  if (settle && !gateway.settles) {
    const fix = `Write \`settles: true\` for it in gateways.yaml, or let time pass: \`later\`.`
    layers.fault([...path, "settle"], `\`${gateway.id}\` does not report when a call has ended`, fix)
  }
  const expected = given(expect, "expect")
  return {
    by: by ?? null,
    client: readClient(layers, gateway, { step: given(client, "client") }),
    target,
    times,
    later,
    expected: expected ? readExpectation(layers, expected, { kind: "call", scene }, world.rules) : ALLOWED,
    settles: settle ?? false,
  }
}

const HEADER_OF = { country: "country", ip: "client_ip" } as const

/** As the gateway would assert it in the headers that it sets. */
function readClient(layers: Layers, gateway: GatewayDefinition, of: Parameters<Layers["client"]>[0]): Client {
  const client = layers.client(of)
  const headers = new Headers()
  for (const what of ["country", "ip"] as const) {
    const one = client[what]
    if (!one) continue
    const name = gateway.asserts?.[HEADER_OF[what]]
    if (name !== undefined) headers.set(name, one.value)
    else {
      const fix = `Write \`asserts: {${HEADER_OF[what]}: HEADER}\` for it in gateways.yaml, or name another gateway.`
      layers.fault(one.path, `\`${gateway.id}\` asserts no ${what} of its clients`, fix)
    }
  }
  return clientOf(gateway, headers)
}

type Carried = {
  readonly [Key in "arguments" | "body" | "headers"]: LayerResult<Present<TestQuestion[Key]>> | undefined
}

function readTarget(
  layers: Layers,
  world: World,
  call: LayerResult<string>,
  carried: Carried,
  of: "query" | "step",
): CallTarget {
  const [method = "", url] = call.value.split(" ")
  if (url !== undefined) return readRequest(layers, world, { method, url, path: call.path }, carried, of)
  for (const part of [carried.body, carried.headers]) {
    if (part) layers.fault(part.path, "a tool has arguments", "Write `arguments`, or a request: `GET /crm/tickets`.")
  }
  layers.layer(world.tools, call, "tool", "catalog.yaml")
  const gateway = gatewayServing(layers, world, originOfTool(world.catalog, call.value) ?? "", of, call)
  const args = carried.arguments ?? { value: {}, path: call.path }
  const unseen = isUnseen(args.value)
  const values = isUnseen(args.value) ? {} : args.value
  return { gateway, unseen, ...readToolCall(layers, world, gateway, call, { value: values, path: args.path }) }
}

const isUnseen = (args: NonNullable<TestQuestion["arguments"]>): args is "unseen" => args === "unseen"

/** By the first method with which these arguments arrive as they are written. */
function readToolCall(
  layers: Layers,
  { catalog }: World,
  gateway: GatewayDefinition,
  { value: tool, path }: LayerResult<string>,
  args: LayerResult<Readonly<Record<string, unknown>>>,
): ToolRequest {
  const requests = toolRequests(catalog, tool, args.value, gateway)
  const changed = requests.map((request) => changedArgument(locateTool(catalog, request), args.value))
  const [first] = requests
  const fitting = requests[changed.indexOf(null)]
  if (fitting) return fitting
  if (!first) return layers.fault(path, `nothing leads to \`${tool}\``, "Give it a route, or name its server.")
  const { name, value } = changed[0] ?? { name: "", value: undefined }
  const message =
    value === undefined
      ? `a call of \`${tool}\` has no argument \`${name}\``
      : `\`${name}\` arrives as ${JSON.stringify(value)}, because ${first.request.method} has it in the URL`
  const fix =
    value === undefined
      ? "Remove it."
      : `Write \`${name}: ${JSON.stringify(value)}\`, or \`integers: [${name}]\` for the route in catalog.yaml.`
  return layers.fault([...args.path, name], message, fix)
}

interface ChangedArgument {
  readonly name: string
  /** As it arrives; undefined if it does not. */
  readonly value: unknown
}

/** The first argument that a request carries otherwise than it is written; null if there is none that is seen. */
function changedArgument(
  located: ReturnType<typeof locateTool>,
  written: Readonly<Record<string, unknown>>,
): ChangedArgument | null {
  if (isDenied(located) || !located.arguments.complete) return null
  const { values } = located.arguments
  const name = Object.keys(written).find((each) => !isDeepStrictEqual(values[each], written[each]))
  return name === undefined ? null : { name, value: values[name] }
}

function readRequest(
  layers: Layers,
  world: World,
  { method, url, path }: { readonly method: string; readonly url: string; readonly path: Path },
  { arguments: args, body, headers }: Carried,
  of: "query" | "step",
): CallTarget {
  if (args)
    layers.fault(args.path, "a request has its arguments in itself", "Write them into its path, query or `body`.")
  const [, named, target = ""] = /^(https?:\/\/[^/?#]+)?(.*)$/u.exec(url) ?? []
  const origin = named ?? readGateway(layers, world).origins[0] ?? ""
  const gateway = gatewayServing(layers, world, origin, of, { value: origin, path })
  const isText = typeof body?.value === "string"
  const text = body === undefined ? "" : typeof body.value === "string" ? body.value : JSON.stringify(body.value)
  const contentType = headers?.value["content-type"] ?? (body === undefined || isText ? null : "application/json")
  const request = {
    origin,
    method,
    target: target === "" ? "/" : target,
    headers: {
      contentType,
      mcpProtocolVersion: headers?.value["mcp-protocol-version"] ?? null,
      mcpMethod: headers?.value["mcp-method"] ?? null,
      mcpName: headers?.value["mcp-name"] ?? null,
      lastEventId: headers?.value["last-event-id"] ?? null,
    },
    body: gateway.body ? ({ kind: "whole", text } as const) : unforwardedBody(method, contentType !== null),
  }
  return { gateway, unseen: false, request, filled: [] }
}
