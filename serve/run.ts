/** What `narrowgate serve` does: workerd on the directory, started again if it ends, until a signal stops it. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { EXIT, Failure } from "../cli/terminal/failure.ts"
import { refuseTakenPort } from "../dev/loopback.ts"
import { readManifest } from "../dev/manifest.ts"
import { readUsers } from "../dev/users.ts"
import { VERSION, withPackages } from "../cli/package.ts"
import { usersText } from "../cli/remote/local-stack.ts"
import { providerOf } from "../cli/remote/worker.ts"
import { takeBackups, type Backups } from "./backup-socket.ts"
import type { ServeOptions } from "./command.ts"
import { readConfiguration, type Configuration } from "./configuration.ts"
import { openDirectory, type Directory, withoutRoom } from "./directory.ts"
import { log } from "./log.ts"
import { startRuntime, type Runtime } from "./runtime.ts"
import { workerModules } from "./worker-modules.ts"
import { bindingsOf, workerdConfig } from "./workerd-config.ts"

/** Of unexpected ends; with one more within the time, this process ends as well. */
const MOST_ENDS = 5
const WITHIN_MS = 60_000
const PAUSE_MS = 200

export async function runServe({ config, trial = false, users }: ServeOptions): Promise<void> {
  logWarnings()
  const stopping = untilStopped()
  if (users !== undefined && !trial)
    throw new Failure(
      "--users is for the identity provider of --trial",
      "Add --trial, or leave --users out.",
      EXIT.usage,
    )
  const configuration = await readConfiguration(config ?? null, process.env, trial)
  using directory = await openDirectory(configuration.directory)
  await using _provider = trial ? await startTrialProvider(configuration, users) : null
  const place = await mkdtemp(join(tmpdir(), "narrowgate-"))
  try {
    const server = new Server(configuration, directory, place)
    await server.prepare()
    await server.run(stopping)
  } catch (error) {
    throw withoutRoom(error, configuration.directory, "Make room, and start it again: nothing is lost.")
  } finally {
    await rm(place, { recursive: true, force: true })
  }
  log("stopped")
}

/**
 * Its keys are in this process's memory only, and new at each start: no token of it outlives the process. It starts
 * after the directory is locked, and ends before the lock is released.
 */
async function startTrialProvider({ issuer }: Configuration, file: string | undefined): Promise<AsyncDisposable> {
  const { startIdentityProvider } = await withPackages(
    async () => import("../dev/identity-provider.ts"),
    ["oidc-provider"],
  )
  const users = await readUsers(file)
  const port = Number(new URL(providerOf(issuer)).port)
  await refuseTakenPort(port, "set `listen` to another port")
  const provider = await startIdentityProvider({
    port,
    audience: issuer,
    users,
    log: (text) => log("warning", { text }),
  })
  log("trial", {
    identity_provider: provider.origin,
    users: usersText(users),
    warning: "anybody on this machine can sign in as anybody: the password of each user is the name",
  })
  return { [Symbol.asyncDispose]: async () => provider.close() }
}

/** Warnings of Node.js are events like others; that a part of it is experimental is none of an operator's business. */
function logWarnings(): void {
  process.on("warning", ({ name, message }) => {
    if (name !== "ExperimentalWarning") log("warning", { text: message })
  })
}

async function untilStopped(): Promise<NodeJS.Signals> {
  return new Promise((done) => {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => done(signal))
  })
}

class Server {
  readonly #configuration: Configuration
  readonly #directory: Directory
  /** For files of this run, that nobody else may read. */
  readonly #place: string
  readonly #ends: number[] = []
  #modules: Readonly<Record<string, string>> = {}

  constructor(configuration: Configuration, directory: Directory, place: string) {
    this.#configuration = configuration
    this.#directory = directory
    this.#place = place
  }

  async prepare(): Promise<void> {
    this.#modules = await workerModules(this.#place)
    await this.#applyRestore()
  }

  /** Before workerd listens to others. Repeated if this process ends in the middle. */
  async #applyRestore(): Promise<void> {
    const { restored } = this.#directory.state
    if (!restored) return
    const runtime = await this.#start(false)
    try {
      await runtime.control({ restored })
    } finally {
      await runtime.stop(this.#configuration.stop_seconds)
    }
    await this.#directory.save({ ...this.#directory.state, restored: null })
    log("restored", { restored_at: restored.at, taken_at: restored.takenAt })
  }

  async run(stopping: Promise<NodeJS.Signals>): Promise<void> {
    const signalled = stopping.then((signal) => ({ stopped: signal }))
    let runtime = await this.#begin()
    for (;;) {
      await using backups = await this.#takeBackups(runtime)
      const event = await Promise.race([signalled, runtime.ended])
      await backups?.close()
      if ("stopped" in event) {
        log("stopping", { signal: event.stopped })
        return runtime.stop(this.#configuration.stop_seconds)
      }
      log("runtime_ended", { code: event.code, signal: event.signal })
      await this.#pause()
      runtime = await this.#begin()
    }
  }

  /** Without room for the name of its socket, calls are decided all the same. */
  async #takeBackups({ pid }: Runtime): Promise<Backups | null> {
    return takeBackups(this.#directory, pid).catch((error: unknown) => {
      log("backups_unavailable", { error: String(error) })
      return null
    })
  }

  async #begin(): Promise<Runtime> {
    const runtime = await this.#start(true)
    try {
      const { unclaimed } = await runtime.control({ restored: null })
      log("serving", { version: VERSION, listen: this.#configuration.listen, port: runtime.port, pid: runtime.pid })
      if (unclaimed) this.#logClaim()
      return runtime
    } catch (error) {
      // It would go on unsupervised.
      await runtime.stop(0)
      throw error
    }
  }

  #logClaim(): void {
    const { issuer, madeClaim } = this.#configuration
    log("unclaimed", { claim: madeClaim, command: `narrowgate claim --url ${issuer}` })
  }

  /** @throws if workerd ends again and again, so that the supervisor of this process sees it */
  async #pause(): Promise<void> {
    const now = Date.now()
    this.#ends.push(now)
    const recent = this.#ends.filter((at) => now - at < WITHIN_MS)
    if (recent.length > MOST_ENDS) {
      throw new Failure(`workerd ended ${recent.length} times within a minute`, "The log above says how.")
    }
    await sleep(PAUSE_MS * 2 ** (recent.length - 1))
  }

  async #start(isPublic: boolean): Promise<Runtime> {
    const control = join(this.#place, "control")
    const config = join(this.#place, "workerd.capnp")
    const text = workerdConfig({
      configuration: this.#configuration,
      manifest: await readManifest(),
      modules: this.#modules,
      objects: this.#directory.objects,
      files: this.#directory.files,
      control,
      isPublic,
      authorities: await Promise.all(
        this.#configuration.certificate_authorities.map(async (file) => readFile(file, "utf8")),
      ),
    })
    await rm(control, { force: true })
    await writeFile(config, text, { mode: 0o600 })
    return startRuntime(config, control, bindingsOf(this.#configuration), isPublic, (runtime) =>
      this.#directory.noteRuntime(runtime),
    )
  }
}
