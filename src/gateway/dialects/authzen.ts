/** A gateway that asks about calls in AuthZEN's words: what enforce.ts tells of one, and for whom it is said to be. */
import { isDenied } from "../../core/denials/denial.ts"
import type { Dialect, Subject } from "./dialect.ts"
import { readRelayHeaders } from "./relayed-request.ts"

const SUBJECT = { type: "X-Narrowgate-Subject-Type", id: "X-Narrowgate-Subject-Id" } as const

/** In headers, which do not hold every character. */
export function saidOf({ type, id }: Subject): Readonly<Record<string, string>> {
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
