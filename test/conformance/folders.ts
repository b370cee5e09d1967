/**
 * The folders of public vectors that are run, and what passes between the run's configuration, the cases and the table.
 */

export const FOLDERS = [
  "jose-cookbook",
  "dpop",
  "spiffe",
  "rfc7638-thumbprint",
  "cedar",
  "mcp",
  "authzen",
  "ssf",
] as const
export type Folder = (typeof FOLDERS)[number]

/** Texts by path inside a folder. */
export type Files = Readonly<Record<string, string>>
export type Vectors = Readonly<Record<string, Files>>

/** Where we mean to differ from what a vector shows: it is expected, and it is told. */
export interface Deviation {
  readonly what: string
  readonly why: string
  /** What our code said. */
  readonly evidence: string
}

export interface CaseMeta {
  readonly folder: Folder
  deviations: readonly Deviation[]
}

declare module "vitest" {
  interface ProvidedContext {
    /** Null where no directory of vectors is named. */
    vectors: Vectors | null
  }
  interface TaskMeta {
    conformance?: CaseMeta
  }
}
