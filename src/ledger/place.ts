/** A cell of a memory as one text: no owner has the mark between. */
export function placeOf({ owner, key }: { readonly owner: string; readonly key: string }): string {
  return `${owner}|${key}`
}
