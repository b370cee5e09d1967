/** One make of gateway: its page, what has to be replaced in it to run here, how it is started. */
import type { Installed } from "./installed.ts"
import type { Substitution } from "./page.ts"

/** Where a gateway runs, and between what. */
export interface Place extends Installed {
  /** Its own: files, sockets, temporary data. */
  readonly directory: string
  readonly port: number
  /** A free port for what it keeps to itself. */
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
  /** Headings of the page and names of files at once: the code below each is that file. */
  readonly files: readonly string[]
  readonly program: string
  /** What it needs beside its program, from the root of the installation. */
  readonly needs?: readonly string[]
  readonly substitutions: (place: Place) => readonly Substitution[]
  /**
   * What `narrowgate gateway config` has filled in with this place's own names, as it runs here: in the foreground, on
   * loopback, and in a directory of its own.
   */
  readonly printed: (place: Place) => readonly Substitution[]
  /** Files that the page describes but does not show, such as one that has the key alone. */
  readonly others?: (place: Place) => Readonly<Record<string, string>>
  readonly args: (place: Place) => readonly string[]
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
