/** The owner and the key of a memory cell as one text. No owner contains the separator. */
export function cellKey({ owner, key }: { readonly owner: string; readonly key: string }): string {
  return `${owner}|${key}`
}
