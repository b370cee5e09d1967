/**
 * Servers and child processes of the local stack. Everything that it starts listens on 127.0.0.1 and is ended by the
 * process that started it.
 */
import type { ChildProcess } from "node:child_process"
import { randomInt } from "node:crypto"
import { once } from "node:events"
import { type Server, createServer } from "node:http"
import { connect, createServer as createRelay, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { Failure } from "../cli/terminal/failure.ts"

/** What every part of the local stack returns: how to reach it, how to end it. */
export interface Listening {
  readonly origin: string
  readonly close: () => Promise<void>
}

/** Port 0 takes a free one, which `origin` then contains. */
export async function listen(server: Server, port: number): Promise<Listening> {
  server.listen(port, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("not a TCP listener")
  return {
    origin: `http://127.0.0.1:${address.port}`,
    async close() {
      const closed = once(server, "close")
      server.close()
      // An SSE stream stays open for hours: to wait for clients to disconnect would block the end of the stack.
      server.closeAllConnections()
      await closed
    },
  }
}

/** Listens on `port`, and passes every connection on to the port of this machine that `target` returns then. */
export async function relay(port: number, target: () => Promise<number>): Promise<Listening> {
  const sockets = new Set<Socket>()
  const server = createRelay((socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
    socket.on("error", () => undefined)
    pass(socket, target).catch(() => socket.destroy())
  })
  server.listen(port, "127.0.0.1")
  await once(server, "listening")
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      const closed = once(server, "close")
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

async function pass(socket: Socket, target: () => Promise<number>): Promise<void> {
  const upstream = connect(await target(), "127.0.0.1")
  upstream.on("error", () => socket.destroy())
  upstream.once("close", () => socket.destroySoon())
  socket.once("close", () => upstream.destroy())
  socket.pipe(upstream).pipe(socket)
}

/** Below those that the system assigns itself, so that no connection gets one between the check and the use. */
const UNASKED_PORTS = { from: 20_000, count: 12_000 } as const

/** For programs that cannot report which port they took. */
export async function freePort(): Promise<number> {
  return freePorts(1)
}

/** The stack takes a port and the next one, some seconds after it got the number. */
export async function twoFreePorts(): Promise<number> {
  return freePorts(2)
}

/** @returns the first of `count` ports in a row */
async function freePorts(count: number): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const first = UNASKED_PORTS.from + randomInt(UNASKED_PORTS.count - count)
    const ports = Array.from({ length: count }, (_, index) => first + index)
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return first
  }
  throw new Error(`no ${count} ports in a row are free`)
}

async function isFree(port: number): Promise<boolean> {
  const taken = await listen(createServer(), port).catch(() => null)
  await taken?.close()
  return taken !== null
}

/**
 * Checked before work of seconds that would fail in the end. A stack that was killed may have left its `workerd`
 * running.
 *
 * @param otherwise what else than to free the port
 */
export async function refuseTakenPort(port: number, otherwise: string): Promise<void> {
  if (port === 0 || (await isFree(port))) return
  const fix = `End what listens there (a \`workerd\` of an earlier stack, if that was killed), or ${otherwise}.`
  throw new Failure(`port ${port} is taken`, fix)
}

/** Waits until `child` accepts connections; rejects with `complaint`'s text if it exits or does not within 10 s. */
export async function accepting(child: ChildProcess, port: number, complaint: () => string): Promise<void> {
  const deadline = Date.now() + 10_000
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) break
    if (await accepts(port)) return
    await sleep(50)
  }
  await stop(child)
  throw new Error(`nothing listens on port ${port}: ${complaint()}`)
}

/** Ends `child` by its pid and waits until it is gone. */
export async function stop(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, "exit")
  child.kill(signal)
  await gone
}

/** A stack that ends without `close()` must not leave its children behind. */
export function endWithUs(child: ChildProcess): void {
  const end = (): void => void child.kill("SIGTERM")
  process.once("exit", end)
  child.once("exit", () => process.off("exit", end))
}

export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })
}
