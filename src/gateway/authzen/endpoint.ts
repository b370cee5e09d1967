/**
 * The AuthZEN endpoint (Authorization API 1.0, "Transport"): client → JSON → operation → answer, with the headers that
 * each answer has. The client authenticates with a key in `Authorization: Bearer`, because the credential of the
 * original request is inside the evaluation. The header that authenticates gateways at `/authz/` has no effect here
 * (app.ts).
 */
import * as z from "zod"
import { parseJson } from "../../core/catalog/json-body.ts"
import { boundedBytes, CALL_BODY_MS, textOf } from "../../platform/request-body.ts"
import { isDenied } from "../../core/denials/denial.ts"
import { isJsonType } from "../../core/encoding/json.ts"
import type { RequestContext } from "../../request-context.ts"
import { failed, malformed } from "./answer.ts"
import type { Access } from "./access.ts"
import { accessOf } from "./client.ts"
import type { Operation } from "./operations.ts"

export async function access(request: Request, operation: Operation, context: RequestContext): Promise<Response> {
  const answer = await answered(request, operation, context)
  answer.headers.set("Cache-Control", "no-store")
  const id = request.headers.get("x-request-id")
  if (id !== null) answer.headers.set("X-Request-ID", id)
  return answer
}

async function answered(request: Request, operation: Operation, context: RequestContext): Promise<Response> {
  const access = await accessOf(request.headers, context)
  if (access instanceof Response) return access
  const read = await readQuestion(request, access.bytes)
  const answer = read instanceof Response ? read : await operation(read.json, access)
  return answer.ok ? answer : withRecord(answer, access)
}

/** A fault of the whole request is recorded too, for the client that sent it. */
async function withRecord(refused: Response, { recordMalformed: recordRefused }: Access): Promise<Response> {
  const { status, headers } = refused
  const body = refusedBody.parse(await refused.json())
  const decision_id = recordRefused(body.error, body.error_description)
  headers.set("X-Narrowgate-Decision", decision_id)
  return Response.json({ ...body, decision_id }, { status, headers })
}
const refusedBody = z.object({ error: z.string(), error_description: z.string() })

async function readQuestion(request: Request, limit: number): Promise<{ readonly json: unknown } | Response> {
  const encoding = request.headers.get("content-encoding")
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    return failed(415, "invalid_request", "The body must not be encoded.")
  }
  // Not 415: the specification's own tests expect 400.
  if (!isJsonType(request.headers.get("content-type"))) return malformed("`Content-Type` must be `application/json`.")
  const bytes = await boundedBytes(request, limit, CALL_BODY_MS)
  if (!bytes)
    return failed(
      413,
      "invalid_request",
      `The body has more than ${limit} bytes, or took more than ${CALL_BODY_MS / 1000} s.`,
    )
  const text = textOf(bytes)
  if (text === null) return malformed("The body is not UTF-8.")
  const parsed = parseJson(text)
  if (!isDenied(parsed)) return parsed
  const { denied } = parsed
  return malformed(`The body is ambiguous${"what" in denied ? `: ${denied.what}` : ""}.`)
}
