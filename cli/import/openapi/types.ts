import type { FoundTools } from "../found-tools.ts"

export interface Refusal {
  readonly message: string
  readonly fix: string
}

export type Read = { readonly found: FoundTools } | Refusal

export type Members = Readonly<Record<string, unknown>>
