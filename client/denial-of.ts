/**
 * Finds the denial in what a client has made of it. What an upstream returned must not pass for one because it quotes
 * one: of a result that did not fail nothing is read but the members that Narrowgate itself sets, and of text that a
 * tool returned only one that is Narrowgate's sentence from its beginning to its end.
 */
import type { Approval, Denial } from "./denial.ts"
import { DeniedError } from "./errors.ts"
import { definedOf, isObject, isTime, parsed, secondsIn, textAt, type JsonObject } from "./json.ts"
import { sentenceIn } from "./denial-sentence.ts"
import { challengeIn } from "./challenge.ts"

/** Where a program finds a denial in a result of MCP. */
const META_KEY = "narrowgate/denial"
/** Characters; a denial is short. */
const LONGEST = 65_536
/** At causes of causes, and what wraps them: one may lead to itself in every way. */
const MOST_LOOKS = 40
/** Milliseconds: the rest of a denial comes with its headers, and anybody can write those. */
const LONGEST_READ = 3_000

/**
 * Finds the denial in whatever a client made of it: a `Response` (whose body can still be read), a tool's result, an
 * error, JSON or text. Undefined: there is none, or its shape is unknown. Never throws.
 */
export async function denialOf(outcome: unknown): Promise<Denial | undefined> {
  try {
    return await (isResponse(outcome)
      ? inResponse(outcome)
      : isError(outcome)
        ? inError(outcome, new Set())
        : inResult(outcome))
  } catch {
    // A getter of a foreign object, or a body that broke off.
    return undefined
  }
}

/** Also of another realm, such as a frame. */
const isError = (value: unknown): value is Error => Object.prototype.toString.call(value) === "[object Error]"

/** Also of another realm, or of a library's own `fetch`. */
export const isResponse = (value: unknown): value is Response =>
  isObject(value) &&
  typeof value["status"] === "number" &&
  typeof value["bodyUsed"] === "boolean" &&
  isObject(value["headers"]) &&
  typeof value["headers"]["get"] === "function"

async function inResponse(response: Response): Promise<Denial | undefined> {
  const { headers, bodyUsed } = response
  const code = headers.get("x-narrowgate-code")
  if (response.ok && code === null) return undefined
  const body = bodyUsed ? "" : await boundedText(response.clone())
  return withHeaders(inText(body, true), code, headers)
}

/** Adds what the headers state, which gateways pass on. */
function withHeaders(found: Denial | undefined, code: string | null, headers: Headers): Denial | undefined {
  const of = found ?? (code === null ? undefined : { code, description: "" })
  if (!of) return undefined
  const decision = of.decision ?? headers.get("x-narrowgate-decision") ?? undefined
  const retryAfter = of.retryAfter ?? secondsIn(headers.get("retry-after"))
  const { scope, stepUp } = challengeIn(headers.get("www-authenticate") ?? "")
  return {
    ...of,
    ...definedOf({
      decision,
      retryAfter,
      scope: of.code === "insufficient_scope" ? scope : undefined,
      stepUp: of.code === "step_up_required" ? stepUp : undefined,
    }),
  }
}

/** Of a body that is too long, or does not end, only the beginning, which is no denial. */
async function boundedText(response: Response): Promise<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  // Not waited for: a copy of a body is cancelled once both are.
  const cut = (): void => void reader?.cancel().catch(() => undefined)
  AbortSignal.timeout(LONGEST_READ).addEventListener("abort", cut)
  let text = ""
  for (let next = await reader?.read(); next?.done === false && text.length <= LONGEST; next = await reader?.read())
    text += next.value
  return text
}

/** Members of an error in which clients put what the server sent. */
const ERROR_MEMBERS = [
  "denial",
  "data",
  "error",
  "result",
  "responseBody",
  "body",
  "text",
  "response",
  "cause",
  "originalError",
] as const

/** @param seen what was looked at before */
async function inError(error: unknown, seen: Set<unknown>): Promise<Denial | undefined> {
  if (error instanceof DeniedError) return error.denial
  if (!isObject(error) || seen.has(error) || seen.add(error).size > MOST_LOOKS) return undefined
  const own = inMembers(error) ?? inText(textAt(error, "message") ?? "", false)
  if (own) return own
  for (const name of ERROR_MEMBERS) {
    const member = error[name]
    const found = isResponse(member)
      ? await inResponse(member)
      : typeof member === "string"
        ? inText(member, false)
        : await inError(member, seen)
    if (found) return found
  }
  return undefined
}

/** What a tool returned, a message of JSON-RPC, or a body as it was parsed. */
function inResult(result: unknown): Denial | undefined {
  if (typeof result === "string") return inText(result, true)
  // Some clients give the parts of a failed tool's result, or the only one, without the result.
  if (Array.isArray(result)) return sentenceIn(result.map(textOfPart).join(" "), true)
  if (!isObject(result)) return undefined
  if (result["type"] === "text") return inText(textOfPart(result), true)
  return inMembers(result) ?? inMessage(result)
}

function inMessage(message: JsonObject): Denial | undefined {
  const { error, result, content } = message
  // It is a tool's result, which quotes one.
  if (Array.isArray(content)) return undefined
  if (isObject(error)) return inRpcError(error)
  return isObject(result) ? inMembers(result) : undefined
}

/** An error of JSON-RPC, also without the message around it. */
function inRpcError({ data, message }: JsonObject): Denial | undefined {
  const found = isObject(data) ? ofBody(data) : undefined
  return found && withSentence(found, typeof message === "string" ? message : "")
}

/** A result of MCP, an error of JSON-RPC, or the body of any other denial. */
function inMembers(value: JsonObject): Denial | undefined {
  const { content, isError, _meta: meta } = value
  const text = isError === true && Array.isArray(content) ? content.map(textOfPart).join(" ") : ""
  const members = isObject(meta) ? meta[META_KEY] : undefined
  const found = isObject(members) ? ofBody(members) : undefined
  if (found) return withSentence(found, text)
  // A result that did not fail, with whatever else a tool has put into it.
  if (Array.isArray(content) && isError !== true) return undefined
  return (
    ofBody(value) ?? inRpcError(value) ?? sentenceIn(text, true) ?? sentenceIn(textAt(value, "message") ?? "", true)
  )
}

const textOfPart = (part: unknown): string => textAt(part, "text") ?? ""

/** The sentence names the tool, and says for how long to wait; the members do neither. */
function withSentence(denial: Denial, text: string): Denial {
  const { tool, retryAfter } = sentenceIn(text, false) ?? {}
  return { ...denial, ...definedOf({ tool, retryAfter }) }
}

/** @param isWhole nothing but the denial stands in it; otherwise an error's message, with words of the client around it */
function inText(text: string, isWhole: boolean): Denial | undefined {
  if (text.length > LONGEST || text === "") return undefined
  const json = jsonIn(text, isWhole)
  return (isObject(json) ? (inMembers(json) ?? inMessage(json)) : undefined) ?? sentenceIn(text, isWhole)
}

function jsonIn(text: string, isWhole: boolean): unknown {
  const whole = text.trim()
  if (whole.startsWith("{")) return parsed(whole)
  const [start, end] = [text.indexOf("{"), text.lastIndexOf("}")]
  return isWhole || start < 0 || end < start ? undefined : parsed(text.slice(start, end + 1))
}

const DECISION = /^dec_\w{1,64}$/

/** The body of a denial. The id of a decision distinguishes it from any other server's error of OAuth. */
function ofBody(body: JsonObject): Denial | undefined {
  const [code, decision] = [textAt(body, "error"), textAt(body, "decision_id")]
  if (code === undefined || decision === undefined || !DECISION.test(decision)) return undefined
  const scope = textAt(body, "scope")
  const approval = isObject(body["approval"]) ? approvalOf(body["approval"]) : undefined
  return definedOf({ code, description: textAt(body, "error_description") ?? "", decision, scope, approval })
}

const STATUSES = ["pending", "approved", "rejected"] as const

function approvalOf(approval: JsonObject): Approval | undefined {
  const [id, url, status] = [textAt(approval, "id"), textAt(approval, "url"), textAt(approval, "status")]
  const knownStatus = STATUSES.find((each) => each === status)
  const task = url === undefined ? undefined : /\/console\/approvals\/(tsk_[\w.]{1,200})\/apr_/.exec(url)?.[1]
  if (id === undefined || url === undefined || knownStatus === undefined || task === undefined) return undefined
  const { name, expires_at: expiresAt } = approval
  return {
    id,
    task,
    status: knownStatus,
    url,
    ...((typeof name === "string" || name === null) && { name }),
    ...(typeof expiresAt === "number" && isTime(expiresAt * 1000) && { expiresAt: expiresAt * 1000 }),
  }
}
