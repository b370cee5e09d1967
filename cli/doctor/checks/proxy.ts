/** No proxy stands between this machine and itself, where no proxy can reach it. */
import { ok, problem, warn, type Finding } from "../finding.ts"

const LOOPBACK = ["127.0.0.1", "localhost"] as const

type Variables = Readonly<Record<string, string | undefined>>

export function checkProxy(): readonly Finding[] {
  return [judgeProxy(process.env, process.execArgv)]
}

export function judgeProxy(env: Variables, nodeOptions: readonly string[] = []): Finding {
  const variable = (name: string): string => env[name] ?? env[name.toUpperCase()] ?? ""
  const set = ["http_proxy", "https_proxy", "all_proxy"].filter((name) => variable(name) !== "")
  if (set.length === 0) return ok("none is set")
  const through = variable("no_proxy")
    .split(/[,\s]+/u)
    .filter((entry) => entry !== "")
  const missing = LOOPBACK.filter((host) => !through.some((entry) => covers(entry, host)))
  const named = set.map((name) => (env[name] === undefined ? name.toUpperCase() : name)).join(", ")
  if (missing.length === 0) return ok(`${named}, and not for this machine`)
  const fix = `Set NO_PROXY=${[...through, ...missing].join(",")}, and no_proxy to the same.`
  const heeds = [env["NODE_OPTIONS"] ?? "", ...nodeOptions].some((option) => option.includes("--use-env-proxy"))
  if (env["NODE_USE_ENV_PROXY"] === "1" || heeds) {
    return problem(`${named}: Node sends what is for ${missing.join(" and ")} to the proxy`, fix)
  }
  return warn(`${named}: clients such as curl send what is for ${missing.join(" and ")} to the proxy`, fix)
}

/** A port may follow; a leading dot or star stands for what is before it. */
function covers(entry: string, host: string): boolean {
  const name = entry
    .toLowerCase()
    .replace(/:\d+$/u, "")
    .replace(/^\*?\./u, "")
  return name === "*" || name === host || (name === "127.0.0.0/8" && host === "127.0.0.1")
}
