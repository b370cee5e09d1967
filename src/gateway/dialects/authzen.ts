/**
 * A gateway that asks about calls by the AuthZEN API: the call as enforce.ts relays it, and the subject that the
 * request names.
 */
import { isDenied } from "../../core/denials/denial.ts"
import type { Dialect, Subject } from "./dialect.ts"
import { readRelayHeaders } from "./relayed-request.ts"

const SUBJECT = { type: "X-Narrowgate-Subject-Type", id: "X-Narrowgate-Subject-Id" } as const

/** Percent-encoded, because a header cannot carry every character. */
export function subjectHeaders({ type, id }: Subject): Readonly<Record<string, string>> {
  return { [SUBJECT.type]: encodeURIComponent(type), [SUBJECT.id]: encodeURIComponent(id) }
}

export const authzen: Dialect = {
  endpoint: "/access/v1",
  read(request) {
    const original = readRelayHeaders(request)
    if (isDenied(original)) return original
    const [type, id] = [request.headers.get(SUBJECT.type) ?? "", request.headers.get(SUBJECT.id) ?? ""]
    return { ...original, subject: { type: decodeURIComponent(type), id: decodeURIComponent(id) } }
  },
  status: (status) => status,
}
