/** Stands for a KV namespace as workerd asks one: the key is the path. Holds what it is started with, and what is put. */
const stored = new Map()

export default {
  async fetch(request, env) {
    const key = decodeURIComponent(new URL(request.url).pathname.slice(1))
    if (request.method === "PUT") {
      stored.set(key, await request.arrayBuffer())
      return new Response(null, { status: 200 })
    }
    const value = stored.get(key) ?? (Object.hasOwn(env.ENTRIES, key) ? env.ENTRIES[key] : undefined)
    return value === undefined ? new Response(null, { status: 404 }) : new Response(value)
  },
}
