/** URLs at a few hosts, and below the deepest path that they have in common if it is one host. */
import type { UrlBound } from "../../../src/core/catalog/bounds/definition.ts"
import {
  CommonDirectory,
  FewTexts,
  isDefinition,
  isWithin,
  listed,
  type LearnedMeaning,
  type Learner,
} from "./learner.ts"

/** Segments that each reader takes alike: nothing encoded, and none that is hidden or leads upwards. */
const PLAIN_PATH = /^(?:\/[\w~-][\w.~-]*)*\/?$/

export class UrlLearner implements Learner {
  readonly #hosts = new FewTexts()
  readonly #directory = new CommonDirectory()
  readonly #schemes = new Set<NonNullable<UrlBound["schemes"]>[number]>()
  readonly #ports = new Set<number>()
  #hasOtherPort = false
  #isUrl = true
  #isPlain = true

  add(text: string): void {
    const url = URL.parse(text)
    const scheme = SCHEMES.find((each) => url?.protocol === `${each}:`)
    if (!url || !scheme || !this.#isUrl) {
      this.#isUrl = false
      return
    }
    const port = url.port === "" ? (scheme === "https" || scheme === "wss" ? 443 : 80) : Number(url.port)
    this.#isUrl = isWithin({ url: { hosts: [url.hostname], schemes: [scheme], ports: [port] } }, text)
    if (!this.#isUrl) return
    this.#hosts.add(url.hostname)
    this.#schemes.add(scheme)
    this.#ports.add(port)
    this.#hasOtherPort ||= url.port !== ""
    this.#isPlain &&= PLAIN_PATH.test(url.pathname)
    this.#directory.add(url.pathname.split("/").slice(1, -1))
  }

  get learned(): LearnedMeaning | null {
    const hosts = this.#isUrl ? this.#hosts.settled : null
    const [host] = hosts ?? []
    if (!hosts || host === undefined) return null
    const schemes = [...this.#schemes].toSorted()
    const ports = [...this.#ports].toSorted((a, b) => a - b)
    const segments = hosts.length === 1 && this.#isPlain ? this.#directory.settled : null
    const path = segments ? `/${segments.join("/")}` : undefined
    const bound: UrlBound = {
      hosts,
      ...(schemes.join(" ") !== "https" && { schemes }),
      ...(this.#hasOtherPort && { ports }),
      ...(path !== undefined && { path }),
    }
    if (!isDefinition("url", bound)) return null
    const [scheme = "https"] = schemes
    const [port] = ports
    const authority = this.#hasOtherPort ? `${host}:${port}` : host
    return {
      bound: { url: bound },
      words: `was a URL at ${listed(hosts)}${path === undefined ? "" : `, below ${path}`}`,
      within: `${scheme}://${authority}${path ?? ""}/x`,
      outside: `${scheme}://elsewhere.invalid${path ?? ""}/x`,
    }
  }
}

const SCHEMES = ["https", "http", "wss", "ws"] as const
