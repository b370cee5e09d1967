/**
 * Performs the steps of the Dockerfile without Docker: in a fresh directory that stands for the root of the image. Paths
 * that WORKDIR and VOLUME name are taken below it wherever they occur. What is not known is an error, so that no step is
 * passed over.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process"
import { copyFileSync, globSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

interface Instruction {
  readonly name: string
  readonly rest: string
}

export interface Image {
  readonly base: string
  /** What it copies, from the folder in which it is built. */
  readonly sources: readonly string[]
  readonly directory: string
  readonly environment: Readonly<Record<string, string>>
  /** Null: root. */
  readonly user: string | null
  readonly command: readonly string[]
  readonly healthCheck: readonly string[]
  /** Paths that outlive a container. */
  readonly volumes: readonly string[]
}

export function instructionsIn(text: string): readonly Instruction[] {
  const lines = text
    .replaceAll(/\\\n/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"))
  return lines.map((line) => {
    const [, name = "", rest = ""] = /^([A-Z]+)\s+(.+)$/.exec(line) ?? []
    return { name, rest }
  })
}

/** @param root stands for the image's `/` */
export function build(repository: string, root: string, port: number): Image {
  const instructions = instructionsIn(readFileSync(join(repository, "Dockerfile"), "utf8"))
  const roots = instructions.filter(({ name }) => name === "WORKDIR" || name === "VOLUME").map(({ rest }) => rest)
  const mapped = (text: string): string =>
    roots
      .reduce((so, path) => so.replaceAll(new RegExp(`(?<![\\w/.-])${path}(?![\\w-])`, "g"), join(root, path)), text)
      .replaceAll("8787", String(port))
  const image = {
    base: "",
    sources: [] as string[],
    directory: root,
    environment: {} as Record<string, string>,
    user: null as string | null,
    command: [] as readonly string[],
    healthCheck: [] as readonly string[],
    volumes: [] as string[],
  }
  const env = (): NodeJS.ProcessEnv => ({ ...process.env, ...image.environment })
  for (const { name, rest: given } of instructions) {
    const rest = name === "FROM" ? given : mapped(given)
    switch (name) {
      case "FROM":
        image.base = rest
        break
      case "WORKDIR":
        mkdirSync(rest, { recursive: true })
        image.directory = rest
        break
      case "COPY":
        image.sources.push(copy(repository, image.directory, given))
        break
      case "RUN":
        execFileSync("/bin/sh", ["-c", rest], { cwd: image.directory, env: env(), stdio: "pipe" })
        break
      case "ENV":
        for (const [, key = "", value = ""] of rest.matchAll(/(\w+)=(\S+)/g)) image.environment[key] = value
        break
      case "USER":
        image.user = rest
        break
      case "VOLUME":
        image.volumes.push(rest)
        break
      case "CMD":
        image.command = JSON.parse(rest)
        break
      case "HEALTHCHECK":
        image.healthCheck = JSON.parse(rest.slice(rest.indexOf("[")))
        break
      case "EXPOSE":
        break
      default:
        throw new Error(`the Dockerfile has a step that is not known here: ${name} ${rest}`)
    }
  }
  return image
}

/** Returns what was to be copied. */
function copy(repository: string, directory: string, rest: string): string {
  const [from = "", to = ""] = rest.split(/\s+/)
  const found = globSync(from, { cwd: repository })
  if (found.length !== 1) throw new Error(`COPY ${from}: ${found.length} files`)
  copyFileSync(join(repository, found[0] ?? ""), join(directory, to))
  return from
}

/** As a container starts it: with nothing of this process's environment but where Node is; as its user, if this one is root. */
export function start(
  image: Image,
  what: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): ChildProcess {
  const [command = "", ...args] = what
  const [uid = 0, gid = 0] = (image.user ?? "0:0").split(":").map(Number)
  return spawn(command, args, {
    cwd: image.directory,
    env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", ...image.environment, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    ...(process.getuid?.() === 0 && { uid, gid }),
  })
}
