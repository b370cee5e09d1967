/**
 * A real Keycloak on loopback, with a realm as a company has one before it meets Narrowgate: people, groups, and an app
 * that they log in to. It is below the directory that KEYCLOAK names, as install.sh leaves it.
 */
import { execFile } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { cp, mkdtemp, mkdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { promisify } from "node:util"
import { startProcess, waitFor } from "../../bench/servers/process.ts"
import { freePort } from "../../dev/loopback.ts"

/** Its own folder, or null where none is installed. */
export function installed(): string | null {
  const home = join(process.env["KEYCLOAK"] ?? "/nonexistent", "keycloak")
  try {
    accessSync(join(home, "bin/kc.sh"), constants.R_OK)
    return home
  } catch {
    return null
  }
}

const PASSWORD = "of a test alone"
/** It prepares its own code at the first start, and then makes its database. */
const START_WITHIN_MS = 180_000
const COMMANDS_WITHIN_MS = 120_000

export interface Keycloak extends AsyncDisposable {
  readonly origin: string
  /** `iss` of the realm's tokens. */
  readonly issuer: string
  /** Runs commands of a shell, with Keycloak's own in reach, and gives what they print. */
  readonly shell: (commands: string) => Promise<string>
}

export async function startKeycloak(installation: string): Promise<Keycloak> {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-keycloak-"))
  // It writes into its own folder.
  const home = join(directory, "keycloak")
  await cp(installation, home, { recursive: true, dereference: true })
  await mkdir(join(home, "data/import"), { recursive: true })
  await cp(join(import.meta.dirname, "realm.json"), join(home, "data/import/acme-realm.json"))
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const listens = [`--http-host=127.0.0.1`, `--http-port=${port}`]
  const server = startProcess({
    command: "sh",
    args: [join(home, "bin/kc.sh"), "start-dev", "--import-realm", "--db=dev-mem", "--cache=local", ...listens],
    directory,
    environment: {
      KC_BOOTSTRAP_ADMIN_USERNAME: "admin",
      KC_BOOTSTRAP_ADMIN_PASSWORD: PASSWORD,
      // Its life is a minute: code need not become as fast as it can.
      JAVA_OPTS_APPEND: "-XX:TieredStopAtLevel=1",
    },
  })
  const dispose = async (): Promise<void> => {
    await server[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true, maxRetries: 3 })
  }
  const issuer = `${origin}/realms/acme`
  try {
    await waitFor(server, async () => ((await fetch(issuer)).ok ? true : null), START_WITHIN_MS)
  } catch (error) {
    await dispose()
    throw error
  }
  const path = `${join(home, "bin")}${delimiter}${process.env["PATH"] ?? ""}`
  const env = { PATH: path, HOME: directory, KC_CLI_PASSWORD: PASSWORD }
  return {
    origin,
    issuer,
    async shell(commands) {
      const options = { env, timeout: COMMANDS_WITHIN_MS, cwd: directory }
      const { stdout } = await promisify(execFile)("sh", ["-euc", commands], options)
      return stdout
    },
    [Symbol.asyncDispose]: dispose,
  }
}
