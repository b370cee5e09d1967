/** Values in OTLP's JSON: an AnyValue has one member, whose name is its type (opentelemetry/proto/common/v1). */
import { isObject } from "../../core/encoding/json.ts"

export type AnyValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: number }
  | { readonly doubleValue: number }
  | { readonly arrayValue: { readonly values: readonly AnyValue[] } }
  | { readonly kvlistValue: { readonly values: readonly KeyValue[] } }
  /** Null. */
  | Readonly<Record<string, never>>

export interface KeyValue {
  readonly key: string
  readonly value: AnyValue
}

export function anyValue(value: unknown): AnyValue {
  if (typeof value === "string") return { stringValue: value }
  if (typeof value === "boolean") return { boolValue: value }
  if (typeof value === "number") return Number.isSafeInteger(value) ? { intValue: value } : { doubleValue: value }
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } }
  return isObject(value) ? { kvlistValue: { values: keyValues(Object.entries(value)) } } : {}
}

/**
 * The attributes as text, without the brackets of their list. Of each record there are dozens: to make an object of each,
 * or to write each name anew, took most of the time of an export.
 * @param beginningOf what an attribute begins with (`beginning`)
 */
export function keyValueTexts(
  members: Readonly<Record<string, unknown>>,
  beginningOf: (member: string) => string,
): string {
  return Object.keys(members)
    .map((member) => `${beginningOf(member)}${anyValueText(members[member])}}`)
    .join(",")
}

/** An attribute up to its value. */
export const beginning = (key: string): string => `{"key":${JSON.stringify(key)},"value":`

function anyValueText(value: unknown): string {
  if (typeof value === "string") return `{"stringValue":${JSON.stringify(value)}}`
  if (typeof value === "number" && Number.isSafeInteger(value)) return `{"intValue":${value}}`
  if (Array.isArray(value)) return `{"arrayValue":{"values":[${value.map(anyValueText).join(",")}]}}`
  return isObject(value)
    ? `{"kvlistValue":{"values":[${keyValueTexts(value, beginning)}]}}`
    : JSON.stringify(anyValue(value))
}

export function keyValues(entries: readonly (readonly [key: string, value: unknown])[]): KeyValue[] {
  return entries.map(([key, value]) => ({ key, value: anyValue(value) }))
}
