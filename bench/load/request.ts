/**
 * A prepared HTTP/1.1 request, with the answer that it must get: plain values, so that they cross to another thread.
 */

export interface PreparedRequest {
  readonly bytes: Uint8Array
  readonly expected: Expected
}

export interface Expected {
  readonly status: number
  /**
   * Stands somewhere in head or body of the right answer, where the status alone does not tell (Cerbos always says
   * 200).
   */
  readonly contains: string | null
}

export interface RequestParts {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export function prepare(parts: RequestParts, expected: Expected): PreparedRequest {
  const { method, path, headers, body = "" } = parts
  const length = method === "GET" ? {} : { "content-length": String(Buffer.byteLength(body)) }
  const lines = Object.entries({ host: "127.0.0.1", ...headers, ...length }).map(([name, value]) => `${name}: ${value}`)
  return { bytes: Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${body}`), expected }
}
