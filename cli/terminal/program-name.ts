/**
 * How this command is called here, for commands that are printed to be run: npm says if it runs as one of its scripts.
 */
export const CALLED = process.env["npm_lifecycle_event"] === "narrowgate" ? "npm run -s narrowgate --" : "narrowgate"
