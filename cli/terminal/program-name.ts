/** How this command is called here, for what is printed to be run: npm tells that it is one of its scripts. */
export const CALLED = process.env["npm_lifecycle_event"] === "narrowgate" ? "npm run -s narrowgate --" : "narrowgate"
