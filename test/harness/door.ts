/** Where the Worker under test is reached: in this isolate, or, in a run that says so, over real sockets. */
import { exports } from "cloudflare:workers"

type Door = (request: Request) => Promise<Response>

let door: Door = async (request) => exports.default.fetch(request)

export async function knock(request: Request): Promise<Response> {
  return door(request)
}

/** From now on, for the whole file. */
export function knockAt(other: Door): void {
  door = other
}

const repeated = new WeakMap<Request, readonly Line[]>()
type Line = readonly [name: string, value: string]

/**
 * One more header of that name, on a line of its own where there are lines; in this isolate the platform joins them.
 */
export function repeat(request: Request, name: string, value: string): void {
  const before = repeated.get(request) ?? [[name, request.headers.get(name) ?? ""]]
  repeated.set(request, [...before, [name, value]])
  request.headers.append(name, value)
}

/** Every header as a client writes it. */
export function linesOf(request: Request): readonly Line[] {
  const several = repeated.get(request) ?? []
  const names = new Set(several.map(([name]) => name.toLowerCase()))
  return [...Array.from(request.headers).filter(([name]) => !names.has(name)), ...several]
}
