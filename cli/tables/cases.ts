/** Tests as written → cases: each question with all that it starts from, in the words of the bundle; or what is wrong with it. */
import { UNSEEN_ARGUMENTS } from "../../src/catalog/arguments.ts"
import { BODILESS } from "../../src/catalog/seen.ts"
import type { Tool } from "../../src/catalog/tool.ts"
import { STATUS_OF_CODE } from "../../src/decision.ts"
import { ERROR_OF_REASON, describeRefusal, isRefused } from "../../src/exchange/refusal.ts"
import { readAsked } from "../../src/exchange/parameters.ts"
import type { BundleBody, GatewayDefinition } from "../../src/policy/bundle.ts"
import { AREAS, MANAGED_KINDS, userId, type ManagedThing, type OperatorFacts } from "../../src/policy/facts.ts"
import { entity } from "../../src/policy/value.ts"
import { suggest } from "../policies/nearest.ts"
import type { Problem } from "../policies/problem.ts"
import type { Path, Source } from "../policies/source.ts"
import type { AskedTask, CallTarget, Login, Question, Scene, Step } from "./run.ts"
import {
  ALLOW,
  CODE_OF,
  KINDS,
  kindOf,
  questionOf,
  type Asked,
  type ExpectedText,
  type Given,
  type QuestionKind,
  type Row,
  type StepText,
  type TablesFile,
  type Test,
} from "./schema.ts"

export interface Case {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly name: string
  readonly question: Question
  readonly expected: Expected
}

/** What is null may be anything. */
export interface Expected {
  /** `allow`, or the code of the denial. */
  readonly decision: string
  /** Exactly what the task holds. */
  readonly scope: readonly string[] | null
  /** Exactly the rules that determine it, sorted. */
  readonly rules: readonly string[] | null
  readonly reason: string | null
  /** Key of the entity that is not permitted. */
  readonly principal: string | null
  /** Members of the denial. */
  readonly with: Readonly<Record<string, unknown>> | null
}

/** What tests may name. */
export interface World {
  readonly body: BundleBody
  readonly tools: ReadonlyMap<string, Tool>
  readonly gateways: ReadonlyMap<string, GatewayDefinition>
  readonly agents: ReadonlySet<string>
  readonly purposes: ReadonlySet<string>
  readonly rules: ReadonlySet<string>
}

export function worldOf(body: BundleBody): World {
  return {
    body,
    tools: new Map(body.tools.map((tool) => [tool.name, tool])),
    gateways: new Map(body.gateways.map((gateway) => [gateway.id, gateway])),
    agents: new Set(body.agents.map(({ id }) => id)),
    purposes: new Set(body.purposes.map((purpose) => purpose.name)),
    rules: new Set(body.rules.map(({ id }) => id)),
  }
}

export interface Cases {
  readonly cases: readonly Case[]
  readonly problems: readonly Problem[]
}

export function casesOf(source: Source<TablesFile>, world: World): Cases {
  const { given, tests } = source.value
  const base: Layer[] = given ? [{ value: { given }, at: (key) => [key] }] : []
  const cases: Case[] = []
  const problems: Problem[] = []
  const names = new Map<string, number>()
  for (const { layers, name, path } of tests.flatMap((test, index) => layersOf(test, ["tests", index]))) {
    const place = source.place(path)
    const other = names.get(name)
    if (other === undefined) names.set(name, place.line)
    else problems.push(source.error(path, `line ${other} has a test of this name too`, "Give it a name of its own."))
    try {
      const reader = new Reader(source, world, [...base, ...layers], path)
      const question = reader.question()
      cases.push({ ...place, name, question, expected: reader.expected(question) })
    } catch (fault) {
      if (!(fault instanceof Faulty)) throw fault
      problems.push(fault.problem)
    }
  }
  return { cases, problems: distinct(problems) }
}

/** What is wrong in the `given` of a file is wrong in each of its tests. */
function distinct(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()]
}

/** What a test, or one of its cases, says; what a later layer says holds. */
interface Layer {
  readonly value: Asked
  /** Where it says this. */
  readonly at: (key: keyof Asked) => Path
}

interface Layered {
  readonly layers: readonly Layer[]
  readonly name: string
  readonly path: Path
}

function layersOf({ name, cases, ...value }: Test, path: Path): readonly Layered[] {
  const own: Layer = { value, at: (key) => [...path, key] }
  if (!cases) return [{ layers: [own], name, path: [...path, "name"] }]
  return cases.map((one, index): Layered => {
    const place = [...path, "cases", index]
    const numbered = `${name} [${index + 1}]`
    if ("places" in one) return { layers: [own, rowLayer(one, kindOf(value), place)], name: numbered, path: place }
    const { name: ownName, ...said } = one
    return { layers: [own, { value: said, at: (key) => [...place, key] }], name: ownName ?? numbered, path: place }
  })
}

function rowLayer({ question, arguments: args, expect, places }: Row, kind: QuestionKind, path: Path): Layer {
  const asks = question === undefined ? {} : questionOf(question, kind)
  const cellOf = (key: keyof Asked): number =>
    key === "expect" ? places.expect : key === "arguments" ? places.arguments : places.question
  return { value: { ...asks, ...(args && { arguments: args }), expect }, at: (key) => [...path, cellOf(key)] }
}

/** Ends the reading of a case: one problem in it is enough. */
class Faulty extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.message)
    this.problem = problem
  }
}

type Present<Value> = Value & ({} | null)

interface Said<Value> {
  readonly value: Value
  readonly path: Path
}

/** Of each pair, what says the one takes back the other. */
const INSTEAD: Partial<Record<keyof Given, keyof Given>> = {
  agent: "chain",
  chain: "agent",
  scope: "details",
  details: "scope",
}

class Reader {
  readonly #source: Source<unknown>
  readonly #world: World
  readonly #layers: readonly Layer[]
  readonly #path: Path

  constructor(source: Source<unknown>, world: World, layers: readonly Layer[], path: Path) {
    this.#source = source
    this.#world = world
    this.#layers = layers
    this.#path = path
  }

  question(): Question {
    const { kind, path } = this.#kind()
    if (kind === "call") return this.#call()
    for (const key of ["after", "later", "arguments", "body", "headers"] as const) {
      const said = this.#said(key)
      if (said) this.#fault(said.path, `\`${key}\` has no effect where \`${kind}\` is asked`, "Remove it.")
    }
    return kind === "open" ? this.#open() : this.#manage(path)
  }

  #kind(): { readonly kind: QuestionKind; readonly path: Path } {
    const layer = this.#layers.findLast(({ value }) => KINDS.some((kind) => value[kind] !== undefined))
    const [kind, another] = KINDS.filter((each) => layer?.value[each] !== undefined)
    if (!layer || !kind) return this.#fault(this.#path, "nothing is asked", "Write `call`, `open` or `manage`.")
    if (another) return this.#fault(layer.at(another), `asks \`${kind}\` and \`${another}\``, "Make two tests of it.")
    return { kind, path: layer.at(kind) }
  }

  #call(): Question {
    const call = this.#said("call")
    const gateway = this.#gateway()
    const carried = { arguments: this.#said("arguments"), body: this.#said("body"), headers: this.#said("headers") }
    const target = this.#target(call, gateway, carried)
    const after = this.#said("after")
    const scene = this.#scene(gateway, this.#chain())
    const agents = scene.chain.map(({ agent }) => agent)
    const steps = after?.value.map((step, index) => this.#step(step, [...after.path, index], gateway, agents)) ?? []
    return { kind: "call", scene: { ...scene, after: steps, later: this.#said("later")?.value ?? 0 }, target }
  }

  /** Whatever is given is what the tasks above ask for; the last one asks for this. */
  #open(): Question {
    const open = this.#need("open")
    const chain = this.#chain()
    const last = chain.at(-1)
    const asked = open.value === "given" ? last?.asked : this.#asked(open.value, undefined, open.path)
    const asking = last && asked ? [...chain.slice(0, -1), { ...last, asked }] : chain
    return { kind: "open", scene: this.#scene(this.#gateway(), asking) }
  }

  #manage(path: Path): Question {
    const [method = "", area = "", kind, target] = this.#need("manage").value.split(" ")
    const known = this.#oneOf(AREAS, area, path, "area")
    const thing: ManagedThing = {
      area: known,
      kind: kind === undefined ? KIND_OF_AREA[known] : this.#oneOf(MANAGED_KINDS, kind, path, "kind of thing"),
      target: target ?? null,
    }
    return { kind: "manage", operator: this.#operator(), method, thing }
  }

  expected(question: Question): Expected {
    const { value, path } = this.#need("expect", "nothing is expected", "Write `allow`, or the code of the denial.")
    const { deny, scope, rules, reason, principal, with: more }: ExpectedText = value
    const codes: readonly string[] = question.kind === "open" ? OPENING_ERRORS : CALL_CODES
    if (deny !== undefined && !codes.includes(deny)) {
      const what = question.kind === "open" ? "a task is not refused" : "a call is not denied"
      this.#fault(path, `${what} with \`${deny}\``, suggest(deny, codes, "Write another code."))
    }
    if (reason !== undefined && CODE_OF.get(reason) !== deny) {
      const reasons = [...CODE_OF].flatMap(([known, code]) => (code === deny ? [known] : []))
      this.#fault(
        [...path, "reason"],
        `\`${reason}\` is no reason for \`${deny}\``,
        suggest(reason, reasons, "Write another."),
      )
    }
    if (question.kind === "open" ? (rules ?? principal) !== undefined : scope !== undefined) {
      const what =
        question.kind === "open" ? "rules and principal are of a call" : "a scope is of a task that is opened"
      this.#fault(path, what, "Remove it, or ask another question.")
    }
    for (const [index, rule] of rules?.entries() ?? []) {
      if (this.#world.rules.has(rule)) continue
      const mend = suggest(rule, this.#world.rules, "Write the @id of a rule.")
      this.#fault([...path, "rules", index], `there is no rule \`${rule}\``, mend)
    }
    return {
      decision: deny ?? ALLOW,
      scope: scope ?? null,
      rules: rules?.toSorted() ?? null,
      reason: reason ?? null,
      principal: principal === undefined ? null : this.#principal(principal, question, [...path, "principal"]),
      with: more ?? null,
    }
  }

  #principal(word: string, question: Question, path: Path): string {
    if (question.kind === "manage" && word === "operator") return entity("Operator", userId(question.operator)).key
    if (question.kind === "manage") return this.#fault(path, "an operator is asked about", "Write `operator`.")
    const { user, chain } = question.scene
    if (word === "user" && user) return entity("User", userId(user)).key
    if (chain.some(({ agent }) => agent === word)) return entity("Agent", word).key
    const mend = "Write `user`, or an agent of the chain."
    return this.#fault(path, `\`${word}\` is nobody whose permission the call needs`, mend)
  }

  #scene(gateway: GatewayDefinition, chain: readonly AskedTask[]): Scene {
    return {
      user: this.#user(),
      chain,
      approvals: this.#given("consent")?.value === true ? ["user"] : [],
      boundKey: this.#given("bound_key")?.value ?? false,
      rulesAlone: this.#given("rules_alone")?.value ?? false,
      gateway,
      left: { labels: this.#given("labels")?.value ?? [], calls: this.#given("calls")?.value ?? 0 },
      after: [],
      later: 0,
    }
  }

  #chain(): readonly AskedTask[] {
    const chain = this.#given("chain")
    const agent = this.#given("agent")
    const entries = chain?.value ?? (agent ? [{ agent: agent.value }] : [])
    if (entries.length === 0) this.#fault(this.#path, "no agent is named", "Write `agent` into `given`.")
    return entries.map((entry: ChainEntry, index) => {
      const path = chain ? [...chain.path, index] : (agent?.path ?? this.#path)
      this.#known(this.#world.agents, entry.agent, path, "agent", "agents.yaml")
      const purpose = entry.purpose === undefined ? this.#given("purpose") : { value: entry.purpose, path }
      if (purpose) this.#known(this.#world.purposes, purpose.value, purpose.path, "purpose", "agents.yaml")
      const own = entry.scope !== undefined || entry.details !== undefined
      const [scope, details] = own
        ? [{ value: entry.scope, path }, entry.details && { value: entry.details, path }]
        : [this.#given("scope"), this.#given("details")]
      const asked = this.#asked(scope?.value ?? null, details?.value, (details ?? scope)?.path ?? path)
      return { agent: entry.agent, purpose: purpose?.value ?? null, asked }
    })
  }

  /** Read as a token request would be. */
  #asked(scope: readonly string[] | null, details: Given["details"], path: Path): AskedTask["asked"] {
    const typed = details?.map((each) => ({ type: "narrowgate_call", ...each }))
    const parameters = new Map([
      ...(scope ? [["scope", [scope.join(" ")]] as const] : []),
      ...(typed ? [["authorization_details", [JSON.stringify(typed)]] as const] : []),
    ])
    const read = readAsked(parameters)
    if (isRefused(read)) return this.#fault(path, describeRefusal(read.refused), "Ask for less.")
    return read.asked
  }

  #user(): Login | null {
    const said = this.#layers.flatMap(({ value: { given }, at }) =>
      given?.user === undefined ? [] : [{ user: given.user, path: [...at("given"), "user"] }],
    )
    // Nobody is nobody: what earlier layers say of a user is about another one.
    const parts = said.slice(said.findLastIndex(({ user }) => user === null) + 1)
    const path = parts.at(-1)?.path
    if (!path) return null
    const user: NonNullable<Given["user"]> = {}
    for (const part of parts) Object.assign(user, part.user)
    const { issuer, subject, groups = [], acr, auth_age } = user
    if (subject === undefined) return this.#fault(path, "the user has no subject", "Write `subject`.")
    const login = { ...(acr !== undefined && { acr }), ...(auth_age !== undefined && { auth_age }) }
    return { issuer: this.#issuer("users", issuer, path), subject, groups, ...login }
  }

  #operator(): OperatorFacts {
    const given = this.#given("operator")
    if (!given) return this.#fault(this.#path, "no operator is named", "Write `operator` into `given`.")
    const { issuer: id, subject, roles } = given.value
    const issuer = this.#issuer("operators", id, given.path)
    const registered = this.#world.body.operators.find(
      (one) =>
        one.subject === subject &&
        this.#world.body.issuers.some((each) => each.id === one.issuer && each.issuer === issuer),
    )
    if (!roles && !registered) {
      const mend = "Name one of operators.yaml, or write which `roles` they would have."
      return this.#fault(given.path, `\`${subject}\` is no operator`, mend)
    }
    return { issuer, subject, roles: roles ?? registered?.roles ?? [] }
  }

  /** URL of an issuer by its id; without one, of the only issuer of such tokens. */
  #issuer(of: "users" | "operators", id: string | undefined, path: Path): string {
    const issuers = this.#world.body.issuers.filter((issuer) =>
      of === "operators" ? issuer.operators : (issuer.users ?? issuer.assertions),
    )
    const ids = issuers.map((issuer) => issuer.id)
    const [found, another] = id === undefined ? issuers : issuers.filter((issuer) => issuer.id === id)
    if (found?.issuer !== undefined && !another) return found.issuer
    const what = id === undefined ? "several issuers could have said so" : `no issuer of ${of} is called \`${id}\``
    return this.#fault(path, what, suggest(id ?? "", ids, "Write `issuer`: an id of issuers.yaml."))
  }

  #gateway(): GatewayDefinition {
    const said = this.#given("gateway")
    const [first] = this.#world.body.gateways
    const id = said?.value ?? first?.id ?? ""
    const path = said?.path ?? this.#path
    const gateway = this.#world.gateways.get(id)
    if (gateway) return gateway
    return this.#fault(
      path,
      `there is no gateway \`${id}\``,
      suggest(id, this.#world.gateways.keys(), "Add one to gateways.yaml."),
    )
  }

  #step(step: StepText, path: Path, gateway: GatewayDefinition, agents: readonly string[]): Step {
    const said = <Value>(value: Value, key: string): Said<Present<Value>> | undefined =>
      value === undefined ? undefined : { value, path: [...path, key] }
    const { call, arguments: args, body, headers, by, times = 1, later = 0 }: FullStep = step
    const carried = { arguments: said(args, "arguments"), body: said(body, "body"), headers: said(headers, "headers") }
    if (by !== undefined && !agents.includes(by)) {
      this.#fault([...path, "by"], `\`${by}\` is not in the chain`, suggest(by, agents, "Name an agent of the chain."))
    }
    const target = this.#target({ value: call, path: [...path, "call"] }, gateway, carried)
    return { by: by ?? null, target, times, later }
  }

  #target(call: Said<string> | undefined, gateway: GatewayDefinition, carried: Carried): CallTarget {
    const { value, path } = call ?? this.#need("call")
    const [method = "", shown] = value.split(" ")
    if (shown !== undefined) return this.#request(method, shown, path, gateway, carried)
    for (const said of [carried.body, carried.headers]) {
      if (said)
        this.#fault(said.path, "a tool has arguments", "Write `arguments`, or a request, such as `GET /crm/tickets`.")
    }
    this.#known(this.#world.tools, value, path, "tool", "catalog.yaml")
    const args = carried.arguments?.value ?? {}
    return {
      kind: "tool",
      tool: value,
      arguments: isUnseen(args) ? UNSEEN_ARGUMENTS : { complete: true, values: args },
    }
  }

  #request(method: string, shown: string, path: Path, gateway: GatewayDefinition, carried: Carried): CallTarget {
    const { body, headers, arguments: args } = carried
    if (args)
      this.#fault(args.path, "a request has its arguments in itself", "Write them into its path, query or `body`.")
    const [, named, target = ""] = /^(https?:\/\/[^/?#]+)?(.*)$/u.exec(shown) ?? []
    const origin = named ?? gateway.origins[0] ?? ""
    if (!gateway.origins.includes(origin)) {
      const mend = suggest(origin, gateway.origins, "Name another gateway, or another origin.")
      this.#fault(path, `\`${gateway.id}\` does not serve \`${origin}\``, mend)
    }
    const text = body === undefined ? "" : typeof body.value === "string" ? body.value : JSON.stringify(body.value)
    const isSeen = gateway.body || BODILESS.has(method)
    const json = body !== undefined && typeof body.value !== "string" ? "application/json" : null
    return {
      kind: "request",
      seen: {
        origin,
        method,
        target: target === "" ? "/" : target,
        headers: {
          contentType: headers?.value["content-type"] ?? json,
          mcpProtocolVersion: headers?.value["mcp-protocol-version"] ?? null,
          mcpMethod: headers?.value["mcp-method"] ?? null,
          mcpName: headers?.value["mcp-name"] ?? null,
        },
        body: isSeen ? { kind: "whole", text: gateway.body ? text : "" } : { kind: "withheld" },
      },
    }
  }

  #said<Key extends keyof Asked>(key: Key): Said<Present<Asked[Key]>> | undefined {
    const layer = this.#layers.findLast(({ value }) => value[key] !== undefined)
    const value = layer?.value[key]
    return layer && value !== undefined ? { value: value, path: layer.at(key) } : undefined
  }

  #need<Key extends keyof Asked>(
    key: Key,
    message = `there is no \`${key}\``,
    mend = "Write it.",
  ): Said<Present<Asked[Key]>> {
    return this.#said(key) ?? this.#fault(this.#path, message, mend)
  }

  #given<Key extends keyof Given>(key: Key): Said<Present<Given[Key]>> | undefined {
    const instead = INSTEAD[key]
    const layer = this.#layers.findLast(({ value: { given } }) => {
      return given && (given[key] !== undefined || (instead !== undefined && given[instead] !== undefined))
    })
    const value = layer?.value.given?.[key]
    return layer && value !== undefined ? { value: value, path: [...layer.at("given"), key] } : undefined
  }

  #known(known: Known, name: string, path: Path, what: string, file: string): void {
    if (known.has(name)) return
    this.#fault(path, `there is no ${what} \`${name}\``, suggest(name, known.keys(), `Name one of ${file}.`))
  }

  #oneOf<Word extends string>(words: readonly Word[], word: string, path: Path, what: string): Word {
    const found = words.find((each) => each === word)
    return found ?? this.#fault(path, `\`${word}\` is no ${what}`, suggest(word, words, "Write a known one."))
  }

  #fault(path: Path, message: string, mend: string): never {
    throw new Faulty(this.#source.error(path, message, mend))
  }
}

const CALL_CODES = Object.keys(STATUS_OF_CODE)
const OPENING_ERRORS = Object.values(ERROR_OF_REASON)
const KIND_OF_AREA = { tasks: "task", revocations: "revocation", decisions: "decision", bundles: "bundle" } as const

/** A map or a set of names. */
type Known = Pick<ReadonlyMap<string, unknown>, "has" | "keys">

type ChainEntry = { readonly agent: string } & Pick<Given, "purpose" | "scope" | "details">
type FullStep = Extract<StepText, { readonly times?: number }>
type Carried = { readonly [Key in "arguments" | "body" | "headers"]: Said<Present<Asked[Key]>> | undefined }

const isUnseen = (args: NonNullable<Asked["arguments"]>): args is "unseen" => args === "unseen"
