/** Options are read strictly: a member that is unknown is a slip of the pen, and a test that ignored it would pass. */
import { suggest } from "../../src/core/encoding/nearest.ts"
import { NarrowgateTestError } from "./error.ts"
import type { ApprovalOptions, CallOptions, NarrowgateWorkerOptions, TaskRequest, UserClaims } from "../types.ts"

/** All members of a type, so that none is forgotten here. */
export type Members<T> = Readonly<Record<keyof Required<T>, true>>

export const TASK: Members<TaskRequest> = {
  agent: true,
  user: true,
  purpose: true,
  scope: true,
  details: true,
  parent: true,
  audience: true,
}
export const CALL: Members<CallOptions> = { gateway: true, client: true }
export const CLIENT: Members<NonNullable<CallOptions["client"]>> = { country: true, ip: true }
export const APPROVAL: Members<ApprovalOptions> = { as: true, uses: true, reason: true }
export const USER: Members<UserClaims> = { groups: true, acr: true, authAge: true, issuer: true, claims: true }
export const WORKER: Members<NarrowgateWorkerOptions> = {
  policies: true,
  files: true,
  users: true,
  name: true,
  issuer: true,
}

/** @param what that has these members, as a sentence begins with it */
export function refuseUnknown(what: string, given: object, members: Readonly<Record<string, true>>): void {
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(members, name)) continue
    const fix = suggest(name, Object.keys(members), "")
    throw new NarrowgateTestError("invalid_argument", `${what} has no member \`${name}\`. ${fix}`.trimEnd())
  }
}
