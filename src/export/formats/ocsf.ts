/**
 * OCSF 1.6 events as lines of JSON. A call is an *API Activity* (class 6003), and so is everything else that was requested
 * of Narrowgate's own API: a token, an approval, an end, management. A token that was granted for a user is an *Authorize
 * Session* (3003). A checkpoint is a *Base Event* (0). What OCSF has no attribute for stands in `unmapped`, by its own name.
 */
import type { LogCheckpoint, LoggedRecord } from "../../audit/log-page.ts"
import { isObject } from "../../core/encoding/json.ts"
import { jsonLine, NDJSON } from "../../core/encoding/ndjson.ts"
import { membersOf, positionOf, textOf, type Format, type FormatContext, type StoredMembers } from "./format.ts"
import { placeOf } from "./places.ts"

const VERSION = "1.6.0"

type Event = Record<string, unknown>

export const OCSF: Format = {
  contentType: NDJSON,
  extension: "ocsf.ndjson",
  write: ({ log, records, checkpoints }, context) =>
    [
      ...records.map((record) => jsonLine(ofRecord(log, record, context))),
      ...checkpoints.map((checkpoint) => jsonLine(ofCheckpoint(log, checkpoint, context))),
    ].join(""),
}

const INFORMATIONAL = 1
/** A denial: somebody may want to look at it. */
const LOW = 2

function ofRecord(log: string, record: LoggedRecord, context: FormatContext): Event {
  const members = membersOf(record)
  const isAllowed = members["decision"] === "allow"
  const event: Event = {
    ...classOf(members),
    severity_id: isAllowed ? INFORMATIONAL : LOW,
    status_id: isAllowed ? 1 : 2,
    metadata: metadataOf(context),
    message: [members["decision"], textOf(members["tool"]) ?? members["kind"], members["code"]].join(" "),
  }
  for (const name of Object.keys(members)) place(event, name, members[name])
  const position = positionOf(log, record)
  for (const name of Object.keys(position)) place(event, name, position[name])
  return event
}

const metadataOf = ({ issuer }: FormatContext): Event => ({
  version: VERSION,
  product: { name: "Narrowgate", vendor_name: "Narrowgate", uid: issuer },
})

/** Sets the attribute of a member; the objects on the way to it are this event's own, and may already have others. */
function place(event: Event, member: string, value: unknown): void {
  const { objects, last } = pathOf(member)
  let object = event
  for (const name of objects) object = isEvent(object[name]) ? object[name] : (object[name] = {})
  object[last] = value
}

const isEvent = (value: unknown): value is Event => isObject(value)

interface Path {
  readonly objects: readonly string[]
  readonly last: string
}
const paths = new Map<string, Path>()

function pathOf(member: string): Path {
  const known = paths.get(member)
  if (known) return known
  const names = placeOf(member).ocsf.split(".")
  const path = { objects: names.slice(0, -1), last: names.at(-1) ?? member }
  paths.set(member, path)
  return path
}

const API_ACTIVITY = { class_uid: 6003, category_uid: 6 }
const AUTHORIZE_SESSION = { class_uid: 3003, category_uid: 3 }

function classOf(members: StoredMembers): Event {
  const user = textOf(members["user"])
  const isGrant = members["kind"] === "exchange" && members["decision"] === "allow"
  return isGrant && user !== null ? authorizeSession(members, user) : apiActivity(members)
}

/** Its privileges are what the token may be used for. Without a scope it was made for what the task already had. */
function authorizeSession(members: StoredMembers, user: string): Event {
  const activity_id = 1
  return {
    ...AUTHORIZE_SESSION,
    activity_id,
    type_uid: AUTHORIZE_SESSION.class_uid * 100 + activity_id,
    user: userOf(user, members["groups"]),
    actor: { app_uid: agentOf(members) },
    privileges: textOf(members["scope"])?.split(" ") ?? [],
  }
}

function apiActivity(members: StoredMembers): Event {
  const activity_id = activityOf(members)
  const caller = textOf(members["operator"]) ?? agentOf(members)
  return {
    ...API_ACTIVITY,
    activity_id,
    ...(activity_id === OTHER && { activity_name: textOf(members["action"]) ?? textOf(members["kind"]) ?? "other" }),
    type_uid: API_ACTIVITY.class_uid * 100 + activity_id,
    actor: actorOf(members),
    api: { operation: textOf(members["tool"]) ?? operationOf(members), service: { name: serviceOf(members) } },
    src_endpoint: { name: caller },
  }
}

/** A caller that has proven to be nobody. */
const UNIDENTIFIED = "unidentified"

/** The last of the chain. Whom a request only claims to come from is no actor, and stands in its `denial`. */
const agentOf = ({ chain }: StoredMembers): string => (Array.isArray(chain) && textOf(chain.at(-1))) || UNIDENTIFIED

/** Who acted: an operator, or an agent for a user. */
function actorOf(members: StoredMembers): Event {
  const operator = textOf(members["operator"])
  if (operator !== null) return { user: { uid: operator } }
  const user = textOf(members["user"])
  return {
    app_uid: agentOf(members),
    ...(user !== null && { user: userOf(user, members["groups"]) }),
  }
}

function userOf(uid: string, groups: unknown): Event {
  const names = Array.isArray(groups) ? groups.flatMap((each) => textOf(each) ?? []) : []
  return { uid, ...(names.length > 0 && { groups: names.map((name) => ({ name })) }) }
}

/** What is requested of Narrowgate itself, or of a tool that was not found. */
function operationOf({ kind, method, path }: StoredMembers): string {
  return [kind, method, path].flatMap((each) => textOf(each) ?? []).join(" ")
}

/** A tool's name begins with its server's. */
function serviceOf({ tool }: StoredMembers): string {
  return textOf(tool)?.split(".")[0] ?? "narrowgate"
}

const CREATE = 1
const READ = 2
const UPDATE = 3
const DELETE = 4
const OTHER = 99
/** A write may be any of the others: which, only the tool knows. */
const OF_ACTION: ReadonlyMap<unknown, number> = new Map([["read", READ]])
const OF_METHOD: ReadonlyMap<unknown, number> = new Map([
  ["GET", READ],
  ["POST", CREATE],
  ["PUT", UPDATE],
  ["PATCH", UPDATE],
  ["DELETE", DELETE],
])

function activityOf({ kind, action, method }: StoredMembers): number {
  if (kind === "management") return OF_METHOD.get(method) ?? OTHER
  if (kind === "exchange") return CREATE
  if (kind === "end") return DELETE
  return OF_ACTION.get(action) ?? OTHER
}

function ofCheckpoint(log: string, { size, at, note }: LogCheckpoint, context: FormatContext): Event {
  const activity_id = OTHER
  return {
    class_uid: 0,
    category_uid: 0,
    activity_id,
    activity_name: "Checkpoint",
    type_uid: activity_id,
    severity_id: INFORMATIONAL,
    time: at,
    metadata: { ...metadataOf(context), event_code: "checkpoint", log_name: log },
    unmapped: { size, note },
  }
}
