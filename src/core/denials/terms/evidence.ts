/**
 * The evidence of a denial, member by member: its type, its meaning, and whether it can disclose the value of an
 * argument. A member cannot be declared without the last of these, so no record discloses an argument by oversight.
 */
import * as z from "zod"

/** What a member can disclose of a call's arguments, and how it is hidden if the catalog redacts that argument. */
export type Shows =
  /** Nothing: it comes from the policies, the token, the ledger or a header, or only names an argument. */
  | { readonly kind: "nothing" }
  /** An amount, as a figure before and after the call; null hides it. */
  | { readonly kind: "figure" }
  /** The value of the argument that another member names; `withoutValue` hides it. */
  | { readonly kind: "value"; readonly of: string }
  /** A part of the request that only the check which reads it can hide; that check has done so. */
  | { readonly kind: "hidden" }

type Nothing = Extract<Shows, { readonly kind: "nothing" }>

export interface Member<Value = unknown, Optional extends boolean = boolean, Shown extends Shows = Shows> {
  readonly schema: z.ZodType<Value>
  readonly shows: Shown
  readonly isOptional: Optional
  /** What it means; the documentation is generated from it. */
  readonly doc: string
}
export type Members = Readonly<Record<string, Member>>
/** Members of reasons that concern no call and so no arguments. */
export type PlainMembers = Readonly<Record<string, Member<unknown, boolean, Nothing>>>

/** Declares a member that discloses no argument. */
export function plain<Value>(schema: z.ZodType<Value>, doc: string): Member<Value, false, Nothing> {
  return { schema, shows: { kind: "nothing" }, isOptional: false, doc }
}

export function figure(doc: string): Member<number | null, false> {
  return { schema: NUMBER_OR_NULL, shows: { kind: "figure" }, isOptional: false, doc }
}

/** @param of name of the member that names the argument */
export function valueOf(of: string, doc: string): Member<string, false> {
  return { schema: TEXT, shows: { kind: "value", of }, isOptional: false, doc }
}

export function hiddenByCheck(doc: string): Member<string, false> {
  return { schema: TEXT, shows: { kind: "hidden" }, isOptional: false, doc }
}

export function optional<Value, Shown extends Shows>(
  member: Member<Value, boolean, Shown>,
): Member<Value, true, Shown> {
  return { ...member, isOptional: true }
}

export function nullable<Value, Shown extends Shows>(
  member: Member<Value, false, Shown>,
  doc = member.doc,
): Member<Value | null, false, Shown> {
  return { ...member, schema: member.schema.nullable(), doc }
}

export const TEXT = z.string()
export const TEXTS: z.ZodType<readonly string[]> = z.array(z.string())
export const NUMBER = z.number()
export const FLAG = z.boolean()
const NUMBER_OR_NULL = NUMBER.nullable()

type ValueOf<M> = M extends { readonly schema: z.ZodType<infer Value> } ? Value : never
type OptionalOf<E extends Members> = { [M in keyof E]: E[M]["isOptional"] extends true ? M : never }[keyof E]
type Flat<T> = { [M in keyof T]: T[M] }

/** The evidence as a denial contains it. */
export type Values<E extends Members> = Flat<
  { readonly [M in Exclude<keyof E, OptionalOf<E>>]: ValueOf<E[M]> } & {
    readonly [M in OptionalOf<E>]?: ValueOf<E[M]>
  }
>

/** The evidence as texts that are safe to display; `?` for an absent member. */
export type ShownEvidence<E extends Members> = { readonly [M in keyof E]: string }

/** A table of reasons. `DenialOf` is the union of their denials. */
export interface Reasoned<E extends Members = Members> {
  readonly evidence: E
  /** When this is the reason; the documentation is generated from it. */
  readonly doc: string
}
export type DenialOf<Table extends Readonly<Record<string, Reasoned>>> = {
  [R in keyof Table & string]: Flat<{ readonly reason: R } & Values<Table[R]["evidence"]>>
}[keyof Table & string]
