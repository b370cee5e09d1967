/** Stands in place of a name: some servers read a part of the query without a name as an argument. */
export const QUERY_PART = "a part of the query"
