/** One make of gateway: its page, and how it differs from the others. */
import type { Installed } from "./installed.ts"
import type { Substitution } from "./page.ts"

/** Where a gateway runs, and between what. */
export interface Place extends Installed {
  /** Its own: files, sockets, temporary data. */
  readonly directory: string
  readonly port: number
  /** For what it keeps to itself: the port after its own. */
  readonly innerPort: number
  /** The name under which clients call it. */
  readonly host: string
  /** `127.0.0.1:PORT` each. */
  readonly authorizer: string
  readonly upstream: string
  readonly key: string
}

export interface Row {
  readonly name: string
  /** File in docs/guides/gateways/. */
  readonly page: string
  readonly program: string
  /** What it needs beside its program, from the root of the installation. */
  readonly needs?: readonly string[]
  /**
   * With TLS: what `narrowgate gateway config` has filled in with this place's own names, as it runs here: in the
   * foreground, on loopback, and in a directory of its own.
   */
  readonly printed: (place: Place) => readonly Substitution[]
  readonly environment?: (place: Place) => Readonly<Record<string, string>>
  /** The body of its answers while it is not ready yet, though it listens. */
  readonly unready?: string
  /** Where a script asks: what makes it fail before it does. */
  readonly broken?: Substitution
  /** Outcomes other than what a case of the suite expects, by its name: what the page says that it cannot carry. */
  readonly differs: Readonly<Record<string, string>>
  /** Targets that reach the upstream in other words than they were sent, and are judged in these: by case. */
  readonly arrives?: Readonly<Record<string, string>>
  readonly carries: Carries
}

/** What of an answer reaches whom. */
export interface Carries {
  /** Of a refusal: Narrowgate's own body, or one that is made of code and decision. */
  readonly body: boolean
  /** Of an allow, to the client. */
  readonly decisionOfAllow: boolean
  readonly rateLimitOfAllow: boolean
  /** Its dialect's status for an outage of a ledger. */
  readonly unavailableAs: number
}
