/**
 * One keep-alive connection in a closed loop: the next request goes out when the answer to the last is there. Bytes are
 * read into one buffer of its own, since the generator shares the processor with what it measures.
 */
import { connect, type Socket } from "node:net"
import type { PreparedRequest } from "./request.ts"
import { readResponse } from "./response.ts"

const BUFFER_BYTES = 65_536
const NOTHING = Buffer.alloc(0)

export interface Loop {
  /** The next request, or null where enough has been asked. */
  readonly next: () => PreparedRequest | null
  /** @param milliseconds from the request to the whole answer */
  readonly answered: (milliseconds: number) => void
  /** An answer that was not the expected one, or a connection that failed; the loop on this connection is then over. */
  readonly failed: (what: string) => void
}

/** Resolves when the loop on this connection is over. */
export function runConnection(port: number, loop: Loop): Promise<void> {
  return new Promise((resolve) => {
    let pending: Buffer = NOTHING
    let current: PreparedRequest | null = null
    let askedAt = 0
    let over = false
    const finish = (failure: string | null): void => {
      if (over) return
      over = true
      if (failure !== null) loop.failed(failure)
      socket.destroy()
      resolve()
    }
    const ask = (): void => {
      current = loop.next()
      if (!current) return finish(null)
      askedAt = performance.now()
      socket.write(current.bytes)
    }
    const read = (chunk: Buffer): void => {
      const bytes = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
      const response = readResponse(bytes)
      if (!response) {
        // The buffer is written over by the next chunk.
        pending = Buffer.from(bytes)
        return
      }
      pending = NOTHING
      if (!current || bytes.length > response.length) return finish("bytes that nobody asked for")
      loop.answered(performance.now() - askedAt)
      const wrong = mismatch(response.status, bytes, current)
      if (wrong !== null) return finish(wrong)
      ask()
    }
    const onread = {
      buffer: Buffer.alloc(BUFFER_BYTES),
      callback(count: number, buffer: Uint8Array): boolean {
        try {
          read(Buffer.from(buffer.buffer, buffer.byteOffset, count))
        } catch (error) {
          finish(String(error))
        }
        return !over
      },
    }
    const socket: Socket = connect({ port, host: "127.0.0.1", noDelay: true, onread })
    socket.once("connect", ask)
    socket.once("error", (error) => finish(error.message))
    socket.once("close", () => finish("the server closed the connection"))
  })
}

function mismatch(status: number, bytes: Buffer, { expected }: PreparedRequest): string | null {
  const right = status === expected.status && (expected.contains === null || bytes.includes(expected.contains))
  if (right) return null
  const wanted = expected.contains === null ? "" : ` with ${expected.contains}`
  return `expected ${expected.status}${wanted}, got ${bytes.toString("latin1").slice(0, 600)}`
}
