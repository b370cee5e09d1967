/**
 * The words in which an MCP client gets a denial (`src/gateway/model-text.ts`). Some clients pass on nothing else of an
 * answer.
 */
import { CODES, isCode } from "../src/core/denials/terms/code.ts"
import type { Denial } from "./denial.ts"
import { definedOf } from "./json.ts"

const BEGINNING = String.raw`Narrowgate denied (?:the call of "([^"\n]{1,300})"|the call|the request "[^"\n]{1,300}"|the message), and nothing was done\.`
const END = String.raw`\(([a-z_]{1,40})(?:, decision (dec_\w{1,64}))?\)`

/** From where it begins no further than to where it begins again: a tool could make the search take long. */
const ANYWHERE = new RegExp(`${BEGINNING} ((?:(?!Narrowgate denied )[^\\n]){0,4000}?) ${END}`)
/** What a client puts before the words of a failed tool, it puts on the same line. */
const WHOLE = new RegExp(`^\\s*${BEGINNING} ([^\\n]{0,4000}) ${END}\\s*$`)

/** @param isWhole nothing else may stand in the text */
export function sentenceIn(text: string, isWhole: boolean): Denial | undefined {
  // Clients put answers as JSON into the messages of errors, some of them twice. A run of backslashes is read once.
  const read = isWhole ? text : text.replaceAll(/(?<!\\)\\+"/g, '"')
  const [, tool, words = "", code, decision] = (isWhole ? WHOLE : ANYWHERE).exec(read) ?? []
  if (code === undefined) return undefined
  const seconds = /\bTry again in (\d{1,9}) seconds?\./.exec(words)?.[1]
  const scope = /\bA token with the scope ([^\n]{1,4000}?) would do\./.exec(words)?.[1]
  const approval = code === "approval_required" ? approvalIn(words) : undefined
  const retryAfter = seconds === undefined ? undefined : Number(seconds)
  return definedOf({ code, description: descriptionIn(words, code), tool, decision, retryAfter, scope, approval })
}

/** Without what helps, which `toModel` says again. */
function descriptionIn(words: string, code: string): string {
  const [description = ""] = words.split(REMEDY, 1)
  const advice = isCode(code) ? CODES[code].advice : null
  return advice !== null && description.endsWith(advice) ? description.slice(0, -advice.length).trimEnd() : description
}

const REMEDY = /(?:^| )(?:It can be approved at |It was rejected; |A token with the scope |Try again in )/

const PENDING =
  /\bIt can be approved at (https?:\/\/\S{1,400}\/console\/approvals\/(tsk_[\w.]{1,200})\/(apr_\w{1,64}))(?: until (\S{1,40}Z))?:/

function approvalIn(words: string): Denial["approval"] {
  const [, url, task, id, until = ""] = PENDING.exec(words) ?? []
  if (url === undefined || task === undefined || id === undefined) return undefined
  const expiresAt = Date.parse(until)
  return { id, task, status: "pending", url, ...(!Number.isNaN(expiresAt) && { expiresAt }) }
}
